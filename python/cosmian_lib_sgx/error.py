"""The errors that code may name in an `except`.

Only `UserError` is raised here. What the others stood for is the enclave's to find out, who has the
keys: then the run does not start or, if a file proves bad while it is read, `OSError` says so.
"""

from sealroom import UserError

__all__ = ["CryptoError", "InternalError", "SGXError", "SecurityError", "UserError"]


class CryptoError(Exception):
    """Something does not open or verify."""


class InternalError(Exception):
    """A file or key belongs to nobody."""


class SGXError(Exception):
    """The processor refuses."""


class SecurityError(Exception):
    """The participants' safety words differ."""
