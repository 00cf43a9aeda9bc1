"""`Enclave`: what goes in and what comes out of a run."""

import contextlib
import operator

from sealroom import _session
from sealroom._errors import UserError

_PIECE = 1 << 20
_LONGEST_NAME = 255


class InputData:
    """The input files of all data providers."""

    def read(self, n=None):
        """Iterate over the files of the `n`-th provider, from 0, or of all, in the order of upload.

        Each is an `io.BytesIO` that is decrypted as it is read. A number that no provider has
        raises `UserError` when the first file is asked for.
        """
        session = _session.current()
        if n is not None:
            n = _index(n, len(session.participants.data_providers), "data provider")
        for entry in session.inputs:
            if n is None or entry["provider"] == n:
                yield session.open_input(entry)


class OutputData:
    """The results for all result consumers."""

    def write(self, data, n=None, name="result.bin"):
        """Give `data` to the `n`-th consumer, from 0, or to all of them, as a result called `name`.

        `data` is bytes or a binary file, read from its current position. A later result of the same
        name replaces the earlier one; none leaves the enclave before the run ends well.
        """
        session = _session.current()
        if n is not None:
            n = _index(n, len(session.participants.result_consumers), "result consumer")
        _check_name(name)
        pieces = _pieces(data)
        channel = session.channel
        with session.writing:
            channel.begin(n, name)
            try:
                for piece in pieces:
                    channel.chunk(piece)
            except BaseException:
                channel.discard()
                raise
            channel.commit()


class Enclave(contextlib.ContextDecorator):
    """The enclave that this code runs in, as a context manager, or around a function."""

    def __init__(self):
        """Nothing is opened before it is asked for."""
        self._input = InputData()
        self._output = OutputData()

    def __enter__(self):
        """Return the enclave itself."""
        _session.current()
        return self

    def __exit__(self, *error):
        """Let every error through."""
        return

    def read(self, n=None):
        """Iterate over input files: see `InputData.read`."""
        return self._input.read(n)

    def write(self, data, n=None, name="result.bin"):
        """Write a result: see `OutputData.write`."""
        self._output.write(data, n, name)


def _index(n, count, what):
    try:
        index = operator.index(n)
    except TypeError:
        raise UserError("a %s is a number from 0, not %r" % (what, n)) from None
    if not 0 <= index < count:
        raise UserError("there is no %s %d: this computation has %d" % (what, index, count))
    return index


def _check_name(name):
    if not isinstance(name, str):
        raise TypeError("the name of a result is a str, not %s" % type(name).__name__)
    hidden = not name or name.startswith(".")
    plain = not hidden and name.isprintable() and not set(name) & {"/", "\\"}
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        plain = False
    if not plain or length > _LONGEST_NAME:
        raise UserError(
            "%r is no name for a result: 1 to 255 bytes of printable text without '/' or '\\', "
            "and no '.' in front" % name
        )


def _pieces(data):
    """Return the bytes of `data`, a mebibyte at a time."""
    if isinstance(data, str) or data is None:
        raise TypeError("a result is bytes or a binary file, not %s" % type(data).__name__)
    if isinstance(data, bytes):
        return (data,)
    read = getattr(data, "read", None)
    if read is not None:
        return _file_pieces(read)
    try:
        view = memoryview(data)
    except TypeError:
        raise TypeError(
            "a result is bytes or a binary file, not %s" % type(data).__name__
        ) from None
    view = view.cast("B") if view.contiguous else memoryview(view.tobytes())
    return (bytes(view[at : at + _PIECE]) for at in range(0, len(view), _PIECE))


def _file_pieces(read):
    while True:
        piece = read(_PIECE)
        if not piece:
            if isinstance(piece, str):
                raise TypeError("a result is read from a binary file, this one is text")
            return
        if not isinstance(piece, (bytes, bytearray, memoryview)):
            raise TypeError("a result is read from a binary file, this one is text")
        yield bytes(piece)
