"""Fetches one file by its address: what pip and uv do only after they have run what is in it.

python3 -I -c PROGRAM ORDER, where ORDER is a JSON file with `url`, `to` (the path to write) and
`limit` (bytes). Takes the proxies, certificates and netrc that pip takes. Whether the file is the
right one is for others to check.
"""

import base64
import json
import netrc
import os
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request

TIMEOUT = 60
PIECE = 1 << 20
AUTHORITIES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def split_credentials(url):
    """Parts an address from the user and password in it."""
    parts = urllib.parse.urlsplit(url)
    if "@" not in parts.netloc:
        return url, from_netrc(parts.hostname)
    user, _, host = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    url = urllib.parse.urlunsplit(parts._replace(netloc=host))
    return url, (urllib.parse.unquote(name), urllib.parse.unquote(password))


def from_netrc(host):
    """Looks a host's user and password up, if it is named there."""
    path = os.environ.get("NETRC") or os.path.join(os.path.expanduser("~"), ".netrc")
    try:
        found = netrc.netrc(path).hosts.get(host) if host else None
    except (OSError, netrc.NetrcParseError):
        return None
    return (found[0], found[2]) if found else None


def opener():
    """What knows HTTP and files, and nothing else that a redirection could lead to."""
    named = [os.environ[name] for name in AUTHORITIES if os.environ.get(name)]
    files = [path for path in named if os.path.isfile(path)]
    folders = [path for path in named if os.path.isdir(path)]
    context = ssl.create_default_context(
        cafile=files[0] if files else None, capath=folders[0] if folders and not files else None
    )
    director = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=context),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.FileHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        director.add_handler(handler)
    return director


def fetch(order):
    """Writes the file, and says what went wrong if something has."""
    url, credentials = split_credentials(order["url"])
    request = urllib.request.Request(url, headers={"User-Agent": "sealroom"})
    if credentials:
        pair = ":".join(credentials).encode()
        # Not sent on to where a redirection leads.
        request.add_unredirected_header(
            "Authorization", "Basic " + base64.b64encode(pair).decode("ascii")
        )
    try:
        left = order["limit"]
        with opener().open(request, timeout=TIMEOUT) as answer, open(order["to"], "xb") as file:
            while True:
                piece = answer.read(PIECE)
                if not piece:
                    return None
                left -= len(piece)
                if left < 0:
                    return "%s has more than %d bytes" % (url, order["limit"])
                file.write(piece)
    except urllib.error.HTTPError as error:
        kind = "Client Error" if error.code < 500 else "HTTP status server error"
        return "%d %s for %s" % (error.code, kind, url)
    except (OSError, ValueError) as error:
        return "error sending request for %s: %s" % (url, getattr(error, "reason", error))


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        order = json.load(file)
    sys.exit(fetch(order))
