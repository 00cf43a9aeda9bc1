"""A package index (PEP 503) of the files in a folder, on a free port of 127.0.0.1, which it prints.

`index.py FOLDER [USER:PASSWORD]`. Hashes are announced as files were when they were first looked
at. A request for the package `slow` is never answered. Ends with its stdin.
"""

import base64
import hashlib
import http.server
import os
import re
import sys
import threading
import time

FOLDER = sys.argv[1]
ALLOWED = "Basic " + base64.b64encode(sys.argv[2].encode()).decode() if len(sys.argv) > 2 else None
ANNOUNCED = {}


def normal(name):
    return re.sub("[-_.]+", "-", name).lower()


def announced(name):
    if name not in ANNOUNCED:
        with open(os.path.join(FOLDER, name), "rb") as file:
            ANNOUNCED[name] = hashlib.sha256(file.read()).hexdigest()
    return ANNOUNCED[name]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if ALLOWED and self.headers.get("Authorization") != ALLOWED:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="packages"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        parts = self.path.strip("/").split("/")
        if parts[0] == "simple" and len(parts) == 2:
            self.listing(parts[1])
        elif parts[0] == "files" and parts[-1] in os.listdir(FOLDER):
            with open(os.path.join(FOLDER, parts[-1]), "rb") as file:
                self.answer(file.read(), "application/octet-stream")
        else:
            self.send_error(404)

    def do_HEAD(self):
        self.send_error(405)

    def listing(self, name):
        if name == "slow":
            time.sleep(600)
        files = [f for f in sorted(os.listdir(FOLDER)) if normal(f.split("-")[0]) == name]
        if not files:
            self.send_error(404)
            return
        link = '<a href="../../files/%s#sha256=%s">%s</a><br>'
        lines = [link % (file, announced(file), file) for file in files]
        text = "<!DOCTYPE html><html><body>%s</body></html>" % "\n".join(lines)
        self.answer(text.encode(), "text/html")

    def answer(self, body, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()
