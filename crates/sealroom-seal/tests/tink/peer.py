"""Google's Tink as the other side of tests: seals and opens files when told to.

Reads one JSON object a line from stdin and answers each with one:

    {"do": "seal" | "open", "key": HEX, "associated_data": HEX, "source": PATH, "target": PATH}
    {"ok": true} | {"ok": false, "why": TEXT}
"""

import io
import json
import shutil
import sys

from tink import proto_keyset_format, secret_key_access, streaming_aead
from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2, tink_pb2

TYPE_URL = "type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey"
SEGMENT_LEN = 64 * 1024


def primitive(key):
    """Tink's AES256-GCM-HKDF streaming AEAD under a raw key of 32 bytes."""
    proto = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(
        version=0,
        key_value=key,
        params=aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingParams(
            ciphertext_segment_size=SEGMENT_LEN,
            derived_key_size=32,
            hkdf_hash_type=common_pb2.SHA256,
        ),
    )
    data = tink_pb2.KeyData(
        type_url=TYPE_URL,
        value=proto.SerializeToString(),
        key_material_type=tink_pb2.KeyData.SYMMETRIC,
    )
    entry = tink_pb2.Keyset.Key(
        key_data=data, status=tink_pb2.ENABLED, key_id=1, output_prefix_type=tink_pb2.RAW
    )
    keyset = tink_pb2.Keyset(primary_key_id=1, key=[entry]).SerializeToString()
    handle = proto_keyset_format.parse(keyset, secret_key_access.TOKEN)
    return handle.primitive(streaming_aead.StreamingAead)


class Unclosed(io.BytesIO):
    """Keeps its bytes when Tink closes it."""

    def close(self):
        pass


def seal(key, plain, associated_data):
    """The sealed form of `plain`."""
    sealed = Unclosed()
    with primitive(key).new_encrypting_stream(sealed, associated_data) as stream:
        # Tink takes as much as it likes at a time.
        rest = memoryview(plain)
        while rest:
            rest = rest[stream.write(rest) :]
    return sealed.getvalue()


def unseal(key, sealed, associated_data):
    """What `sealed` holds; raises what Tink raises if it does not open."""
    plain = io.BytesIO()
    with primitive(key).new_decrypting_stream(io.BytesIO(sealed), associated_data) as stream:
        shutil.copyfileobj(stream, plain)
    return plain.getvalue()


def answer(order):
    """Does what one line asks for."""
    work = {"seal": seal, "open": unseal}[order["do"]]
    with open(order["source"], "rb") as source:
        given = source.read()
    key, associated_data = bytes.fromhex(order["key"]), bytes.fromhex(order["associated_data"])
    try:
        made = work(key, given, associated_data)
    except Exception as error:  # Tink tells a refusal in several types
        return {"ok": False, "why": f"{type(error).__name__}: {error}"}
    with open(order["target"], "wb") as target:
        target.write(made)
    return {"ok": True}


def main():
    """Answers until stdin ends."""
    streaming_aead.register()
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
