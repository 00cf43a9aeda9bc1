"""Who a participant is: its public key. The keys that open files stay in the enclave."""

from hashlib import sha3_256

from sealroom import UserError

_SECRET = ("psk", "seal_box", "sig", "signed_seal_box")


class KeyInfo:
    """What is public about one participant."""

    def __init__(self, computation_uuid, pubkey):
        """Take the computation's 16 bytes and the participant's signature key, 32 bytes."""
        self.computation_uuid = computation_uuid
        self.pubkey = pubkey
        self.fingerprint = sha3_256(pubkey).digest()[-8:].hex()

    def __getattr__(self, name):
        """Say why what was here in 2022 is not."""
        if name in _SECRET:
            raise AttributeError("KeyInfo has no `%s`: keys never reach the code of a run" % name)
        raise AttributeError("KeyInfo has no attribute `%s`" % name)

    @classmethod
    def from_path(cls, computation_uuid, path):
        """Refuse: there are no key files."""
        raise UserError("KeyInfo.from_path has nothing to read: keys never reach the code of a run")
