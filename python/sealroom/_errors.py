"""Errors that are the user's to mend."""


class UserError(Exception):
    """The code asked for something that this computation does not have."""


class ProtocolError(Exception):
    """The enclave and this package do not understand each other."""
