"""Writes the vectors of this folder with PyNaCl (libsodium). The same files every time.

The interpreter of target/client-2022 has PyNaCl (scripts/setup-client-2022); any with 1.5 will do.
"""

import hashlib
import json
import uuid
from pathlib import Path

from nacl import bindings as sodium

HERE = Path(__file__).parent
UUID = uuid.UUID("0f0e0d0c-0b0a-0908-0706-050403020100")


def main():
    """Write all vectors."""
    secretboxes()
    sealed_keys()


def named(name, length=32):
    """Bytes that only a name decides."""
    return hashlib.shake_128(name.encode()).digest(length)


def pattern(length):
    """Byte `i` is `i` mod 251: long plaintexts need not be written down."""
    return (bytes(range(251)) * (length // 251 + 1))[:length]


def write(name, expect, why, **fields):
    """Write one vector."""
    vector = {"expect": expect, "why": why}
    for field, value in fields.items():
        vector[field] = value.hex() if isinstance(value, bytes) else value
    HERE.joinpath(name + ".json").write_text(json.dumps(vector, indent=2) + "\n")


def secretboxes():
    """Files: nonce, tag and ciphertext."""
    key, nonce = named("file key"), named("nonce", 24)

    def seal(plain):
        return nonce + sodium.crypto_secretbox(plain, nonce, key)

    for length in (0, 1, 15, 16, 17, 65536, 65537):
        sealed = seal(pattern(length))
        shown = sealed if length < 100 else hashlib.sha256(sealed).digest()
        write(
            "secretbox-%d" % length,
            "opens",
            "%d bytes" % length,
            kind="secretbox",
            key=key,
            nonce=nonce,
            length=length,
            **{"sealed" if length < 100 else "sealed_sha256": shown},
        )
    sealed = seal(b"Hello World!")
    write(
        "secretbox-hello",
        "opens",
        "a short text",
        kind="secretbox",
        key=key,
        nonce=nonce,
        plaintext=b"Hello World!",
        sealed=sealed,
    )
    for name, spoiled in {
        "nonce": bytes([sealed[0] ^ 1]) + sealed[1:],
        "tag": sealed[:24] + bytes([sealed[24] ^ 1]) + sealed[25:],
        "ciphertext": sealed[:-1] + bytes([sealed[-1] ^ 1]),
        "cut": sealed[:-1],
        "longer": sealed + b"\0",
        "no-tag": sealed[:39],
    }.items():
        try:
            sodium.crypto_secretbox_open(spoiled[24:], spoiled[:24], key)
        except Exception:
            write(
                "secretbox-bad-" + name,
                "refused",
                "%s altered" % name,
                kind="secretbox",
                key=key,
                sealed=spoiled,
            )
        else:
            raise AssertionError(name)


def sealed_keys():
    """Key releases: a signature and a sealed box."""
    enclave_seed = bytes(range(32))
    enclave, enclave_secret = sodium.crypto_sign_seed_keypair(enclave_seed)
    other, _ = sodium.crypto_sign_seed_keypair(named("another enclave"))
    seed = bytes(range(32, 64))
    participant, secret = sodium.crypto_sign_seed_keypair(seed)
    words, file_key = named("pre-shared key"), named("file key")

    def boxed(plain, to):
        public, private = sodium.crypto_box_seed_keypair(named("ephemeral"))
        to = sodium.crypto_sign_ed25519_pk_to_curve25519(to)
        nonce = hashlib.blake2b(public + to, digest_size=24).digest()
        return public + sodium.crypto_box(plain, nonce, to, private)

    def signed(box, computation=UUID, key=secret):
        return sodium.crypto_sign(computation.bytes + box, key)[:64] + box

    good = boxed(words + file_key, enclave)
    opened = sodium.crypto_box_seal_open(
        good,
        sodium.crypto_sign_ed25519_pk_to_curve25519(enclave),
        sodium.crypto_sign_ed25519_sk_to_curve25519(enclave_secret),
    )
    assert opened == words + file_key
    _, stranger = sodium.crypto_sign_seed_keypair(named("stranger"))
    flipped = good[:-1] + bytes([good[-1] ^ 1])
    cases = {
        "opens": ("opens", "as the client makes it", signed(good)),
        "other-signer": ("bad signature", "signed by another key", signed(good, key=stranger)),
        "other-computation": (
            "bad signature",
            "signed for another computation",
            signed(good, computation=uuid.UUID(int=1)),
        ),
        "altered-box": ("bad signature", "the box was altered later", signed(good)[:64] + flipped),
        "signed-rubbish": ("does not open", "an altered box, signed", signed(flipped)),
        "other-enclave": (
            "does not open",
            "sealed to another identity",
            signed(boxed(words + file_key, other)),
        ),
    }
    for name, (expect, why, sealed) in cases.items():
        write(
            "sealed-key-" + name,
            expect,
            why,
            kind="sealed-key",
            computation=str(UUID),
            enclave_seed=enclave_seed,
            enclave=enclave,
            participant_seed=seed,
            participant=participant,
            fingerprint=hashlib.sha3_256(participant).digest()[-8:],
            pre_shared_key=words,
            file_key=file_key,
            sealed=sealed,
        )


if __name__ == "__main__":
    main()
