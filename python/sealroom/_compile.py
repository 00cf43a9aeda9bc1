"""Compiles a folder of packages ahead of time: what comes out is laid beside them, read-only.

Without it every run compiles all that it imports, since it may write nothing beside the packages.
The same folder gives the same bytes, whatever the number of processors and the hash seed.
"""

import importlib.util
import io
import marshal
import os
import signal
import struct
import sys
import tarfile
import warnings

# PEP 552: by the hash of the source, which is not looked at again. Times say nothing here.
_UNCHECKED = 0b01
# Without references within the data: whether there is one depends on what else is in memory.
_WITHOUT_REFERENCES = 2
# Several times what the longest modules have; a longer one is compiled by whoever imports it.
_LONGEST_SOURCE = 16 << 20
_SIZE = struct.Struct("<q")
_NOTHING = -1


def compile_tree(root, out_fileobj, shown_root=None):
    """Write a tar stream of compiled modules: one for each `.py` below `root` that compiles.

    Its entries are `pkg/__pycache__/mod.cpython-313.pyc` and the like, relative to `root`, in the
    order of their sources. Tracebacks show the files below `shown_root`, by default `root` itself.
    """
    shown_root = root if shown_root is None else shown_root
    paths = sorted(_sources(root))
    with tarfile.open(fileobj=out_fileobj, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for path, compiled in zip(paths, _compile_all(root, shown_root, paths)):
            if compiled is not None:
                entry = tarfile.TarInfo(_cached(path))
                entry.size = len(compiled)
                archive.addfile(entry, io.BytesIO(compiled))


def _sources(root):
    """Iterate over the relative paths of all `.py` files; links, which lead elsewhere, are none."""
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in names:
            path = os.path.join(folder, name)
            if name.endswith(".py") and os.path.isfile(path) and not os.path.islink(path):
                yield os.path.relpath(path, root)


def _cached(path):
    """Return where Python looks for what `path` compiles to."""
    folder, name = os.path.split(path)
    name = "%s.%s.pyc" % (name[:-3], sys.implementation.cache_tag)
    return os.path.join(folder, "__pycache__", name)


# One file.


def _compile(root, shown_root, path):
    """Return the content of a `.pyc`; None if Python would not compile it, as files for others."""
    try:
        with open(os.path.join(root, path), "rb") as file:
            source = file.read(_LONGEST_SOURCE + 1)
        if len(source) > _LONGEST_SOURCE:
            return None
        shown = shown_root.rstrip("/") + "/" + path
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compile(source, shown, "exec", dont_inherit=True, optimize=0)
        header = importlib.util.MAGIC_NUMBER + struct.pack("<I", _UNCHECKED)
        return header + importlib.util.source_hash(source) + _marshalled(code, source)
    except (MemoryError, OSError, OverflowError, RecursionError, SyntaxError, ValueError):
        return None


def _marshalled(code, source):
    """Return the bytes of a code object: always the same ones."""
    if sys.version_info >= (3, 11):
        return marshal.dumps(code, _WITHOUT_REFERENCES)
    # Before, sets (`x in {"a", "b"}`) were written in the order that the hash seed gave. Something
    # that no source can contain, its own digest, holds their place.
    found = {}
    digest = importlib.util.source_hash(source)
    data = marshal.dumps(_replace_sets(code, digest, found), _WITHOUT_REFERENCES)
    for place, elements in found.items():
        items = sorted(marshal.dumps(element, _WITHOUT_REFERENCES) for element in elements)
        settled = b">" + struct.pack("<i", len(items)) + b"".join(items)
        data = data.replace(marshal.dumps(place, _WITHOUT_REFERENCES), settled)
    return data


def _replace_sets(constant, digest, found):
    """Return `constant` with bytes for each set in it; `found` then has the set by the bytes."""
    if isinstance(constant, tuple):
        return tuple(_replace_sets(item, digest, found) for item in constant)
    if isinstance(constant, frozenset):
        place = b"set %d of %s" % (len(found), digest)
        found[place] = constant
        return place
    if isinstance(constant, type(_compile.__code__)):
        return constant.replace(co_consts=_replace_sets(constant.co_consts, digest, found))
    return constant


# Many files, on all processors.


def _compile_all(root, shown_root, paths):
    """Iterate over what `paths` compile to, in their order."""
    workers = _workers(root, shown_root, paths, len(os.sched_getaffinity(0)))
    try:
        for number, path in enumerate(paths):
            worker = workers[number % len(workers)] if workers else None
            try:
                yield worker.next()
            except (AttributeError, EOFError):
                # There are none, or it is gone.
                yield _compile(root, shown_root, path)
    finally:
        for worker in workers:
            worker.end()


def _workers(root, shown_root, paths, count):
    """Start `count` processes, each for every `count`-th path; none where that makes no sense."""
    workers = []
    if count > 1 and len(paths) > count:
        try:
            for number in range(count):
                workers.append(_Worker(root, shown_root, paths[number::count]))
        except OSError:
            for worker in workers:
                worker.end()
            workers = []
    return workers


class _Worker:
    """A forked process that compiles files one after the other, as fast as it is listened to."""

    def __init__(self, root, shown_root, paths):
        reading, writing = os.pipe()
        try:
            self._process = os.fork()
        except OSError:
            os.close(reading)
            os.close(writing)
            raise
        if self._process == 0:
            self._work(reading, writing, root, shown_root, paths)
        os.close(writing)
        self._results = os.fdopen(reading, "rb")

    def _work(self, reading, writing, root, shown_root, paths):
        """Compile, and end: nothing of the forking process happens here."""
        try:
            os.close(reading)
            with os.fdopen(writing, "wb") as results:
                for path in paths:
                    compiled = _compile(root, shown_root, path)
                    results.write(_SIZE.pack(_NOTHING if compiled is None else len(compiled)))
                    results.write(compiled or b"")
                    results.flush()
        finally:
            os._exit(0)

    def next(self):
        """Return the next result; raise `EOFError` if there is none."""
        size = self._results.read(_SIZE.size)
        if len(size) < _SIZE.size:
            raise EOFError
        (size,) = _SIZE.unpack(size)
        if size == _NOTHING:
            return None
        compiled = self._results.read(size)
        if len(compiled) < size:
            raise EOFError
        return compiled

    def end(self):
        """End it, in case it has not."""
        self._results.close()
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
