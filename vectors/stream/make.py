"""Makes the vectors in this folder with Google's Tink. See README.md.

target/test-tools/bin/python vectors/stream/make.py
"""

import base64
import hashlib
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "crates/sealroom-seal/tests/tink"))

import peer  # noqa: E402 - found by the line above

SEGMENT = 65_536
FIRST = SEGMENT - 40 - 16
FULL = SEGMENT - 16
KEY = bytes(range(32))
ASSOCIATED_DATA = b"vectors/stream"


def plaintext(length):
    """Byte i is i mod 251."""
    return bytes(i % 251 for i in range(length))


def flip(sealed, at):
    """`sealed` with the lowest bit of byte `at` flipped."""
    return sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]


def tink_opens(key, sealed, associated_data):
    """What Tink reads in `sealed`; None if it refuses."""
    try:
        return peer.unseal(key, sealed, associated_data)
    except Exception:  # Tink tells a refusal in several types
        return None


def write(name, why, sealed, length=None, key=KEY, associated_data=ASSOCIATED_DATA, strict=False):
    """Writes one vector: with `length` it opens to that plaintext, without it is refused.

    Tink must agree, but for `strict` ones: there it opens what the format does not allow.
    """
    read = tink_opens(key, sealed, associated_data)
    if (read is None) != (length is None and not strict):
        sys.exit(f"{name}: Tink does not agree")
    vector = {
        "expect": "refused" if length is None else "opens",
        "why": why,
        "key": key.hex(),
        "associated_data": associated_data.hex(),
    }
    if length is not None:
        plain = plaintext(length)
        if read != plain:
            sys.exit(f"{name}: Tink reads something else")
        digest = hashlib.sha256(plain).hexdigest()
        rule = "byte i is i mod 251"
        vector["plaintext"] = {"rule": rule, "length": length, "sha256": digest}
    vector["sealed"] = base64.b64encode(sealed).decode()
    (HERE / f"{name}.json").write_text(json.dumps(vector, indent=2) + "\n")


def opens():
    """Files that open: one for each border of the layout."""
    for name, length, why in [
        ("empty", 0, "no plaintext: one segment of nothing but a tag"),
        ("one-byte", 1, "the smallest file with content"),
        ("first-segment-less-one", FIRST - 1, "the first segment, one byte short of full"),
        ("first-segment-full", FIRST, "a full first segment is the last if nothing follows"),
        ("second-segment-one-byte", FIRST + 1, "the first byte of a second segment"),
        ("two-segments-full", FIRST + FULL, "a full second segment is the last too"),
    ]:
        write(f"opens-{name}", why, peer.seal(KEY, plaintext(length), ASSOCIATED_DATA), length)
    sealed = peer.seal(KEY, plaintext(100), b"")
    write("opens-no-associated-data", "none is a value too", sealed, 100, KEY, b"")
    key, long = b"\xff" * 32, b"\x00" * 300
    why = "associated data is bytes, of any length"
    write("opens-long-associated-data", why, peer.seal(key, plaintext(100), long), 100, key, long)


def refused():
    """Files that do not open, each for one reason."""
    small = peer.seal(KEY, plaintext(100), ASSOCIATED_DATA)
    full = peer.seal(KEY, plaintext(FIRST), ASSOCIATED_DATA)
    two = peer.seal(KEY, plaintext(FIRST + 1), ASSOCIATED_DATA)
    four = peer.seal(KEY, plaintext(FIRST + 2 * FULL + 1), ASSOCIATED_DATA)
    a, b, c, d = (four[i : i + SEGMENT] for i in range(0, len(four), SEGMENT))
    for name, why, sealed in [
        ("header-length", "the first byte is the header's length, 40", flip(small, 0)),
        ("salt", "another salt gives another key", flip(small, 1)),
        ("nonce-prefix", "another prefix gives other nonces", flip(small, 39)),
        ("ciphertext-bit", "one bit of the ciphertext is flipped", flip(small, 40)),
        ("tag-bit", "one bit of the tag is flipped", flip(small, len(small) - 1)),
        ("cut-by-one", "the last byte is missing", small[:-1]),
        ("extended-by-one", "one byte follows the last segment", small + b"\x00"),
        ("header-only", "a file has at least one segment", small[:40]),
        ("nothing", "not even a header", b""),
        ("half-a-header", "not even a whole header", small[:20]),
        ("tag-cut", "too short to hold a tag", small[:55]),
        ("cut-at-a-border", "the last segment is marked in its nonce", two[:SEGMENT]),
        ("extended-by-a-file", "another file behind the first segment", two[:SEGMENT] + small),
        ("repeated-segment", "the second segment is there twice", a + b + b + d),
        ("swapped-segments", "the second and the third segment changed places", a + c + b + d),
    ]:
        write(f"refused-{name}", why, sealed)
    why = "sealed for another place, which is the associated data"
    write("refused-other-place", why, small, None, KEY, b"vectors/streams")
    write("refused-other-key", "sealed under another key", small, None, b"\x01" + KEY[1:])
    why = "bytes behind a last segment that is full; Tink itself does not look at them"
    write("refused-extended-full-segment", why, full + b"\x00", strict=True)


def main():
    """Replaces every vector in this folder."""
    peer.streaming_aead.register()
    for old in HERE.glob("*.json"):
        old.unlink()
    opens()
    refused()


if __name__ == "__main__":
    main()
