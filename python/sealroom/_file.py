"""`EnclaveFile`: an input that is an `io.BytesIO`, decrypted only as far as it is read.

Small files are plain `BytesIO` storage from the start. Large ones are read through the native
reader; the first call that needs the whole content in memory (`getbuffer`, `write`, `truncate`)
moves it there, and from then on the file is an ordinary `BytesIO`. `name` stays unset, as on every
`BytesIO`: libraries take a name for a path.
"""

import contextlib
import io
import os

_SMALL = 1 << 20
_PIECE = 1 << 20
# Bound to the instance while the content is elsewhere, so that libraries reach native code at once.
_NATIVE = ("read", "read1", "readline", "seek", "tell")


def _rebuild(value, position):
    file = io.BytesIO(value)
    file.seek(position)
    return file


class EnclaveFile(io.BytesIO):
    """A binary file of the enclave; everything that `io.BytesIO` can, it can."""

    def __init__(self, reader):
        """Take a native reader at its beginning."""
        self._path = None
        if reader.size < _SMALL:
            super().__init__(reader.read())
            reader.close()
            self._reader = None
            return
        super().__init__()
        self._reader = reader
        for name in _NATIVE:
            setattr(self, name, getattr(reader, "read" if name == "read1" else name))

    def _materialise(self):
        """Move the content into the `BytesIO` storage, position included."""
        reader = self._reader
        if reader is None:
            return
        position = reader.tell()
        reader.seek(0)
        self._reader = None
        for name in _NATIVE:
            self.__dict__.pop(name, None)
        piece = reader.read(_PIECE)
        while piece:
            super().write(piece)
            piece = reader.read(_PIECE)
        reader.close()
        super().seek(position)

    # Reading. While the reader is in use, instance attributes shadow these except in type lookups.

    def read(self, size=-1, /):
        """Read up to `size` bytes, all that are left by default."""
        return super().read(size) if self._reader is None else self._reader.read(size)

    def read1(self, size=-1, /):
        """Read up to `size` bytes, all that are left by default."""
        return super().read1(size) if self._reader is None else self._reader.read(size)

    def readline(self, size=-1, /):
        """Read one line."""
        return super().readline(size) if self._reader is None else self._reader.readline(size)

    def seek(self, offset, whence=0, /):
        """Move the position; return it."""
        if self._reader is None:
            return super().seek(offset, whence)
        return self._reader.seek(offset, whence)

    def tell(self):
        """Return the position."""
        return super().tell() if self._reader is None else self._reader.tell()

    def readinto(self, buffer, /):
        """Fill a buffer as far as there are bytes; return how many."""
        if self._reader is None:
            return super().readinto(buffer)
        view = memoryview(buffer).cast("B")
        if view.readonly:
            raise TypeError("readinto() argument must be read-write bytes-like object")
        done = 0
        while done < len(view):
            piece = self._reader.read(min(_PIECE, len(view) - done))
            if not piece:
                break
            view[done : done + len(piece)] = piece
            done += len(piece)
        return done

    def readinto1(self, buffer, /):
        """Fill a buffer as far as there are bytes; return how many."""
        return self.readinto(buffer)

    def readlines(self, size=-1, /):
        """Read lines until `size` bytes are exceeded, all that are left by default."""
        if self._reader is None:
            return super().readlines(size)
        lines, total = [], 0
        for line in self:
            lines.append(line)
            total += len(line)
            if size is not None and 0 < size <= total:
                break
        return lines

    def __iter__(self):
        """Iterate over lines."""
        return self if self._reader is None else iter(self._reader.readline, b"")

    def __next__(self):
        """Return the next line."""
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def getvalue(self):
        """Return the whole content, wherever the position is."""
        if self._reader is None:
            return super().getvalue()
        position = self._reader.tell()
        try:
            self._reader.seek(0)
            return self._reader.read()
        finally:
            self._reader.seek(position)

    # What needs the content in memory.

    def getbuffer(self):
        """Return a view of the whole content, which is in memory from now on."""
        self._materialise()
        return super().getbuffer()

    def write(self, data, /):
        """Write into the copy in memory; the enclave's file stays as it is."""
        self._materialise()
        return super().write(data)

    def writelines(self, lines, /):
        """Write lines into the copy in memory."""
        self._materialise()
        super().writelines(lines)

    def truncate(self, size=None, /):
        """Cut the copy in memory."""
        self._materialise()
        return super().truncate(size)

    def __getstate__(self):
        """Return what `io.BytesIO` returns: content, position, attributes."""
        return (self.getvalue(), self.tell(), None)

    def __reduce_ex__(self, protocol):
        """Pickle and copy as an ordinary `io.BytesIO`."""
        return (_rebuild, (self.getvalue(), self.tell()))

    # Its end, and its place in a file system.

    def close(self):
        """Release what is held."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()
            for name in _NATIVE:
                self.__dict__.pop(name, None)
        path, self._path = self._path, None
        if path is not None:
            path.close()
        super().close()

    def as_path(self):
        """Return a path to the content, for libraries that take no files.

        It names a copy in the scratch directory, whose size is limited, until the file is closed.
        """
        if self._path is None:
            position = self.tell()
            self.seek(0)
            try:
                self._path = _Copy(self)
            finally:
                self.seek(position)
        return self._path.name


class _Copy:
    """The content of a file in the scratch directory.

    Not an anonymous file under `/proc/self/fd`: SQLite and others resolve that link to a name that
    does not exist, and anonymous files escape the bounds on memory, so the jail has none.
    """

    def __init__(self, file):
        # Here alone: they take longer to import than all else that a run needs.
        import shutil
        import tempfile

        self.name = None
        with tempfile.NamedTemporaryFile(prefix="input-", delete=False) as target:
            self.name = target.name
            try:
                shutil.copyfileobj(file, target, _PIECE)
            except BaseException:
                self.close()
                raise
        os.chmod(self.name, 0o400)

    def close(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.name)
