"""The one connection of this process to its enclave, and what the enclave said there is."""

import io
import os
from _thread import RLock

try:
    # `json` itself takes longer to import than all else that a run needs.
    from _json import make_scanner
except ImportError:
    make_scanner = None

from sealroom._errors import UserError
from sealroom._file import EnclaveFile


class CodeFile:
    """One file of the code folder: its number, size and whether its text stays in memory."""

    __slots__ = ("id", "path", "sealed", "size")

    def __init__(self, entry):
        """Take an entry of the manifest."""
        self.id = entry["id"]
        self.path = entry["path"]
        self.size = entry["size"]
        self.sealed = entry["sealed"]


class Participants:
    """The computation's identifier and the signature keys of those who take part, as bytes."""

    def __init__(self, entry):
        """Take the entry of the manifest."""
        self.computation = bytes.fromhex(entry["computation"])
        self.code_provider = bytes.fromhex(entry["code_provider"])
        self.data_providers = [bytes.fromhex(key) for key in entry["data_providers"]]
        self.result_consumers = [bytes.fromhex(key) for key in entry["result_consumers"]]


class Session:
    """The channel, the inputs and the code folder of a run."""

    def __init__(self, channel):
        """Ask the enclave what there is."""
        manifest = _parse(channel.manifest().decode())
        self.channel = channel
        self.inputs = manifest["inputs"]
        self.participants = Participants(manifest["participants"])
        self.code = _by_path(manifest["code"])
        self.root = os.getcwd()
        # A result is a row of frames: two threads must not mix theirs.
        self.writing = RLock()

    def open_input(self, entry):
        """Open an input as a binary file."""
        return EnclaveFile(self.channel.open(entry["id"], entry["size"]))

    def read_code(self, file):
        """All bytes of a file of the code folder."""
        return self.channel.open(file.id, file.size).read()

    def relative(self, path):
        """`path` seen from the code folder, `/`-separated; None if it is elsewhere."""
        path = os.path.normpath(os.path.join(self.root, os.fspath(path)))
        if path == self.root:
            return ""
        prefix = self.root.rstrip(os.sep) + os.sep
        return path[len(prefix) :].replace(os.sep, "/") if path.startswith(prefix) else None


class _Rules:
    """What `json` has by default."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_int, parse_float, parse_constant = int, float, float


def _parse(text):
    """Parse JSON without spaces."""
    if make_scanner is None:
        import json

        return json.loads(text)
    return make_scanner(_Rules)(text, 0)[0]


def _by_path(entries):
    """Return the code files by path: of a sealed and a clear one of the same path, the sealed."""
    files = {}
    for file in map(CodeFile, entries):
        if file.sealed or file.path not in files:
            files[file.path] = file
    return files


_session = None


def start(channel):
    """Make the session of this process."""
    global _session
    _session = Session(channel)
    return _session


def current():
    """Return the session of this process."""
    if _session is None:
        raise UserError("this code does not run in a sealed room")
    return _session


def open_resource(path):
    """Open a file of the code folder, sealed or clear, for reading bytes.

    `path` is relative to the code folder, wherever the current directory is by now.
    """
    session = current()
    name = session.relative(path)
    file = session.code.get(name) if name is not None else None
    if file is None:
        raise FileNotFoundError(2, "there is no such file in the code folder", os.fspath(path))
    return io.BytesIO(session.read_code(file))
