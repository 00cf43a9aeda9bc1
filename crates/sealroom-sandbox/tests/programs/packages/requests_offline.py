"""requests is told at once that there is no network, in the way that its users expect. No inputs."""

import requests

for address in (
    "http://example.org/",
    "https://example.org/",
    "http://127.0.0.1:8080/",
    "http://[::1]/",
    "http://192.0.2.1/",
):
    try:
        requests.get(address, timeout=20)
    except requests.exceptions.ConnectionError as error:
        # Not one who waited in vain, which would be slow.
        assert not isinstance(error, requests.exceptions.Timeout), (address, error)
    else:
        raise AssertionError(address)
session = requests.Session()
request = session.prepare_request(
    requests.Request("POST", "http://a.b/c", params={"d": "é"}, json=[1])
)
assert (request.url, request.body) in [("http://a.b/c?d=%C3%A9", body) for body in (b"[1]", "[1]")]
