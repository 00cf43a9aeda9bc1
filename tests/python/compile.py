"""A folder of modules is compiled to the same bytes every time, and Python runs them.

python -I -S tests/python/compile.py

Ends with an error if something is not as it should be.
"""

import importlib.util
import io
import marshal
import os
import struct
import subprocess
import sys
import tarfile
import tempfile
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[0] = os.path.join(HERE, "..", "..", "python", "sealroom")
import _compile  # noqa: E402 - found only now

TAG = sys.implementation.cache_tag
SETS = """
WORDS = {"of", "a", "set", "b", "other", "word", 7, None, (1, "z")}


def known(word):
    return word in {"alpha", "beta", "gamma", "delta", ("a", "b"), 1, b"x", None, 2.5}, [
        other for other in "ab" if other in {"b", "c", "d", "alpha"} and other not in {"alpha", "b"}
    ]


class Inner:
    def method(self):
        return lambda word: word in {"first", "second", "third"}
"""
FILES = {
    "one.py": b"X = 1\n",
    "pkg/__init__.py": b"",
    "pkg/sets.py": SETS.encode(),
    "pkg/latin.py": "# coding: latin-1\nX = 'é'\n".encode("latin-1"),
    "pkg/größe.py": b"X = 2\n",
    "pkg/%s/deep.py" % ("long" * 40): b"X = 3\n",
    "pkg/sub/__pycache__/stale.py": b"X = 4\n",
    "pkg/no_module.txt": b"X = 5\n",
    "old/print.py": b"print 'of Python 2'\n",
    "old/zero.py": b"X = 1\0\n",
    "old/undecodable.py": b"X = '\xff'\n",
    "old/deep.py": b"X = " + b"-" * 200_000 + b"1\n",
    "old/escape.py": rb"X = '\d' is 'x'",
}
COMPILED = ["old/escape", "one", "pkg/__init__", "pkg/größe", "pkg/latin", "pkg/sets"]
PROGRAM = """
import sys
sys.path.insert(0, %r)
import _compile
_compile.compile_tree(%r, sys.stdout.buffer, "/shown")
"""


def compiled(root):
    """Return the bytes of the stream."""
    out = io.BytesIO()
    _compile.compile_tree(root, out, "/shown")
    return out.getvalue()


def compiled_apart(root, seed):
    """Return the bytes of the stream, made in another process with this hash seed."""
    program = PROGRAM % (os.path.dirname(_compile.__file__), root)
    variables = {"PYTHONHASHSEED": str(seed), "PYTHONUTF8": "1"}
    return subprocess.check_output([sys.executable, "-s", "-S", "-c", program], env=variables)


def check_stream(root, stream):
    """Compare each entry with what Python would make."""
    with tarfile.open(fileobj=io.BytesIO(stream)) as archive:
        entries = [(entry, archive.extractfile(entry).read()) for entry in archive]
    names = [entry.name for entry, _ in entries]
    deep = "pkg/%s/__pycache__/deep.%s.pyc" % ("long" * 40, TAG)
    wanted = [
        "%s/__pycache__/%s.%s.pyc" % (*os.path.split(path), TAG)
        if "/" in path
        else "__pycache__/%s.%s.pyc" % (path, TAG)
        for path in COMPILED
    ]
    assert sorted(names) == sorted([*wanted, deep]), names
    for entry, data in entries:
        assert entry.isfile(), entry.name
        assert (entry.mtime, entry.uid, entry.gid, entry.mode) == (0, 0, 0, 0o644), entry.name
        source = importlib.util.source_from_cache(os.path.join(root, entry.name))
        with open(source, "rb") as file:
            text = file.read()
        assert data[:4] == importlib.util.MAGIC_NUMBER, entry.name
        assert struct.unpack("<I", data[4:8]) == (1,), entry.name
        assert data[8:16] == importlib.util.source_hash(text), entry.name
        code = marshal.loads(data[16:])
        shown = "/shown/" + os.path.relpath(source, root)
        assert code.co_filename == shown, (code.co_filename, shown)
        assert code == compile(text, shown, "exec", dont_inherit=True), entry.name


def check_imports(root, stream):
    """Let Python import what was compiled: the sources say something else by now."""
    for path in ("one.py", "pkg/sets.py"):
        with open(os.path.join(root, path), "w") as file:
            file.write("raise AssertionError")
    with tarfile.open(fileobj=io.BytesIO(stream)) as archive:
        for entry in archive:
            path = os.path.join(root, entry.name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(archive.extractfile(entry).read())
    sys.path.append(root)
    import one
    import pkg.sets

    assert one.X == 1
    assert pkg.sets.known("gamma") == (True, [])
    assert pkg.sets.known(("a", "b"))[0]
    assert pkg.sets.Inner().method()("third")
    assert pkg.sets.known.__code__.co_filename.endswith("pkg/sets.py")


def main():
    """Make a folder, and look at what comes of it."""
    sys.dont_write_bytecode = True
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as root:
        for path, content in FILES.items():
            path = os.path.join(root, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)
        os.symlink("one.py", os.path.join(root, "link.py"))
        os.symlink("pkg", os.path.join(root, "linked"))
        stream = compiled(root)
        check_stream(root, stream)
        for seed in (1, 2, 3):
            assert compiled_apart(root, seed) == stream, "another hash seed, other bytes"
        spoiled = {
            "no processes": ("_workers", lambda *_: []),
            "a process that dies": ("_Worker", Dying),
            "no fork": ("_Worker", Unborn),
        }
        for title, (name, stand_in) in spoiled.items():
            known = getattr(_compile, name)
            setattr(_compile, name, stand_in)
            assert compiled(root) == stream, title
            setattr(_compile, name, known)
        check_abandoned(root)
        check_imports(root, stream)
    with tempfile.TemporaryDirectory() as empty:
        assert compiled(empty) == bytes(10240), "nothing but the end of the stream"


class Dying(_compile._Worker):
    """A process that ends after its first result."""

    def _work(self, reading, writing, root, shown_root, paths):
        super()._work(reading, writing, root, shown_root, paths[:1])


class Unborn(_compile._Worker):
    """A process that there is no room for, from the second on."""

    count = 0

    def __init__(self, *args):
        Unborn.count += 1
        if Unborn.count > 1:
            raise BlockingIOError
        super().__init__(*args)


def check_abandoned(root):
    """Whoever stops listening is not kept waiting."""

    class Full(io.BytesIO):
        def write(self, data):
            raise OSError("full")

    with open(os.path.join(root, "large.py"), "w") as file:
        file.write("X = (%s)\n" % ", ".join(map(repr, map(float, range(100_000)))))
    said = None
    try:
        _compile.compile_tree(root, Full())
    except OSError as error:
        said = str(error)
    assert said == "full", said
    os.unlink(os.path.join(root, "large.py"))


if __name__ == "__main__":
    main()
