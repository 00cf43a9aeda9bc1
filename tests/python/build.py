"""Source distributions of many kinds become wheels, or are refused for a reason that is said.

python -I -S tests/python/build.py FOLDER [SDIST ...]

FOLDER has what `runtimes/*/build.lock` names. Each SDIST is built twice, and has to give the same
bytes. Prints what was built, and ends with an error if something is not as it should be.
"""

import hashlib
import io
import os
import sys
import tarfile
import tempfile
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[0] = os.path.join(HERE, "..", "..", "python", "sealroom")
import _build  # noqa: E402 - found only now

del sys.path[0]

FLIT = '[build-system]\nrequires = ["flit_core>=3"]\nbuild-backend = "flit_core.buildapi"\n'
PROJECT = '[project]\nname = "one"\nversion = "1"\ndescription = "x"\n'
OWN = '[build-system]\nrequires = []\nbuild-backend = "own:Backend.inner"\nbackend-path = ["in"]\n'
BACKEND = """
import os, zipfile


class Backend:
    class inner:
        def build_wheel(folder, config=None, metadata=None):
            assert os.getcwd().endswith("one-1") and os.path.exists("pyproject.toml")
            print("a word of the backend")
            name = "one-1-py3-none-any.whl"
            with zipfile.ZipFile(os.path.join(folder, name), "w") as out:
                for word in {"b", "a", "c"}:
                    out.writestr("one/%s.py" % word, str({"x", "y", "z"}))
                out.writestr("one-1.dist-info/RECORD", "wrong,,")
            return name
"""
SETUP = "from setuptools import setup\nsetup(name='one', version='1', py_modules=['one'], %s)\n"
EXTENSION = "ext_modules=[__import__('setuptools').Extension('native', ['native.c'])]"


def text_files(**files):
    """Return a list of archive entries: names with `__` for `.`."""
    return [(name.replace("__", "."), text, {}) for name, text in files.items()]


GOOD = {
    "setup.py alone": text_files(setup__py=SETUP % "", one__py="x = 1\n"),
    "setup.py and a table without a backend": text_files(
        setup__py=SETUP % "", one__py="", pyproject__toml='[build-system]\nrequires = ["wheel"]\n'
    ),
    "flit": text_files(pyproject__toml=FLIT + PROJECT, one__py='"""One."""\n'),
    "hatchling": [
        *text_files(
            pyproject__toml=PROJECT + '[build-system]\nrequires = ["hatchling"]\n'
            'build-backend = "hatchling.build"\n'
        ),
        ("one/__init__.py", "", {}),
    ],
    "poetry": text_files(
        pyproject__toml='[build-system]\nrequires = ["poetry-core"]\n'
        'build-backend = "poetry.core.masonry.api"\n'
        '[tool.poetry]\nname = "one"\nversion = "1"\ndescription = ""\nauthors = []\n',
        one__py="",
    ),
    "a backend of its own": [
        *text_files(pyproject__toml=OWN),
        ("in/own.py", BACKEND, {}),
    ],
}
LINK = {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}
BAD = {
    "asks for what is not there": (
        text_files(pyproject__toml='[build-system]\nrequires = ["cython>=3", "numpy", "wheel"]\n'),
        "needs what is not there: `cython>=3`, `numpy`",
    ),
    "asks for another version": (
        text_files(pyproject__toml='[build-system]\nrequires = ["setuptools<1"]\n'),
        "`setuptools<1` (there is ",
    ),
    "setup.py asks for more": (
        text_files(setup__py=SETUP % "setup_requires=['pbr>=2']", one__py=""),
        "`pbr>=2`",
    ),
    "no backend": (
        text_files(pyproject__toml='[build-system]\nrequires = []\nbuild-backend = "absent"\n'),
        "`absent` cannot be imported",
    ),
    "a backend elsewhere": (
        text_files(pyproject__toml=OWN.replace('"own:Backend.inner"', '"json"')),
        "is not in its `backend-path`",
    ),
    "a backend above": (
        text_files(pyproject__toml=OWN.replace('["in"]', '["../.."]')),
        "leads out of the distribution",
    ),
    "no TOML": (text_files(pyproject__toml="= 1"), "cannot read pyproject.toml"),
    "no table": (text_files(pyproject__toml="build-system = 1"), "is no table"),
    "no list": (text_files(pyproject__toml="[build-system]\nrequires = 1"), "is no list"),
    "no text": (text_files(pyproject__toml="[build-system]\nrequires = [1]"), "no text"),
    "setup.py gives up": (
        text_files(setup__py="import sys\nsys.exit('not today')"),
        "SystemExit: not today",
    ),
    "setup.py dies": (text_files(setup__py="import os\nos._exit(7)"), "exit code 7"),
    "a compiler is missing": (
        text_files(setup__py=SETUP % EXTENSION, one__py="", native__c=""),
        "no-compiler-in-the-jail",
    ),
    "a link": ([("a", "", LINK)], "neither a file nor a folder"),
    "a hard link": ([("a", "", dict(LINK, type=tarfile.LNKTYPE))], "neither a file"),
    "a pipe": ([("a", "", {"type": tarfile.FIFOTYPE})], "neither a file nor a folder"),
    "above": ([("../../up", "", {})], "no path below"),
    "a backslash": ([("a\\b", "", {})], "no path below"),
    "twice": ([("a", "", {}), ("a", "", {})], "cannot unpack"),
    "a file as a folder": ([("a", "", {}), ("a/b", "", {})], "cannot unpack"),
}


def tar(entries, top="one-1/"):
    """Return a `.tar.gz` of `entries`."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, text, fields in entries:
            entry = tarfile.TarInfo(top + name)
            entry.size = len(text.encode())
            for field, value in fields.items():
                setattr(entry, field, value)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


def zipped(entries, top="one-1/", mode=0):
    """Return a `.zip` of `entries`."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text, _ in entries:
            entry = zipfile.ZipInfo(top + name)
            entry.external_attr = mode << 16
            archive.writestr(entry, text)
    return out.getvalue()


def built(path):
    """Build; return the wheel's name and bytes, or why there is none."""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            wheel = _build.build(path, scratch)
        except _build.BuildError as error:
            return str(error), None
        with open(wheel, "rb") as file:
            return os.path.basename(wheel), file.read()


def build_bytes(content, ending):
    """Build an archive that is in memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "one-1" + ending)
        with open(path, "wb") as file:
            file.write(content)
        return built(path)


def check_wheel(name, content):
    """Compare RECORD with the wheel."""
    with zipfile.ZipFile(io.BytesIO(content)) as wheel:
        assert wheel.testzip() is None, name
        record = wheel.namelist()[-1]
        assert record.endswith(".dist-info/RECORD"), name
        lines = wheel.read(record).decode().splitlines()
        assert sorted(wheel.namelist()) == sorted(line.rsplit(",", 2)[0] for line in lines), name
        for line in lines[:-1]:
            path, digest, size = line.rsplit(",", 2)
            if path != record:
                data = wheel.read(path)
                assert (_build._digest(data), str(len(data))) == (digest, size), (name, path)
        assert all(e.date_time[0] == 1980 and not e.compress_type for e in wheel.infolist()), name


def main():
    """Run all of them."""
    sys.path.append(os.path.abspath(sys.argv[1]))
    for title, entries in GOOD.items():
        name, content = build_bytes(tar(entries), ".tar.gz")
        assert content is not None, (title, name)
        assert name.endswith("py3-none-any.whl"), (title, name)
        assert build_bytes(zipped(entries), ".zip") == (name, content), title
        check_wheel(title, content)
    for title, (entries, reason) in BAD.items():
        found, content = build_bytes(tar(entries), ".tar.gz")
        assert content is None, title
        assert reason in found, (title, found)
    archives = {
        "an absolute path": (tar([("etc/x", "", {})], "/"), ".tar.gz", "no path below"),
        "a link in a zip": (zipped([("a", "", {})], mode=0o120777), ".zip", "neither a file"),
        "above in a zip": (zipped([("../up", "", {})]), ".zip", "no path below"),
        "two folders": (tar([("a/x", "", {}), ("b/x", "", {})], ""), ".tar.gz", "not 2"),
        "nothing": (tar([]), ".tar.gz", "not 0"),
        "cut short": (tar(GOOD["flit"])[:-30], ".tar.gz", "cannot unpack"),
        "no archive": (b"no archive", ".zip", "cannot unpack"),
    }
    for title, (archive, ending, reason) in archives.items():
        found, content = build_bytes(archive, ending)
        assert content is None, title
        assert reason in found, (title, found)
    caps = {"_MOST_FILES": 1, "_MOST_BYTES": 1000}
    for cap, value in caps.items():
        known = getattr(_build, cap)
        setattr(_build, cap, value)
        for archive, ending in ((tar(GOOD["flit"]), ".tar.gz"), (zipped(BIG), ".zip")):
            found, content = build_bytes(archive, ending)
            assert content is None, cap
            assert "there are more than %d" % value in found, (cap, ending, found)
        setattr(_build, cap, known)
    for path in sys.argv[2:]:
        name, content = built(path)
        assert content is not None, (path, name)
        assert built(path) == (name, content), "two builds of %s differ" % path
        check_wheel(path, content)
        print(name, hashlib.sha256(content).hexdigest())


BIG = [("a", "x" * 2000, {}), ("b", "", {})]

if __name__ == "__main__":
    main()
