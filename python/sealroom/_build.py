"""Builds a wheel from a source distribution: PEP 517, without pip and without a network.

It runs in a jail, since a source distribution is a program that its author wrote. What builds has
to be on `sys.path` already: nothing is fetched.

The same distribution gives the same bytes every time. The build runs in an interpreter of its own,
whose environment and hash seed are fixed; so are times, modes and order in the wheel, in which
nothing is compressed, as compressors differ. No compiler is offered, not even where the machine has
one, or what comes out would depend on the machine.
"""

import base64
import csv
import hashlib
import importlib
import io
import os
import stat
import subprocess
import sys
import tarfile
import zipfile
from importlib import metadata

# What a source distribution has, unpacked: several times what the largest on the index have.
_MOST_FILES = 50_000
_MOST_BYTES = 512 << 20
# The first second that an entry of a zip archive can have.
_EPOCH = 315_532_800
_FIRST = (1980, 1, 1, 0, 0, 0)
_PIECE = 1 << 20
# Of what a build says about its failure: it goes where the run's error goes.
_LONGEST_REFUSAL = 2000
_LEGACY = {"requires": ["setuptools"], "build-backend": "setuptools.build_meta:__legacy__"}


class BuildError(Exception):
    """Why there is no wheel."""


def build(sdist_path, scratch_dir):
    """Build a source distribution (`.tar.gz` or `.zip`); return the path of its wheel.

    Everything is written below `scratch_dir`, an existing folder for this build alone. Raises
    `BuildError`. What the distribution prints goes where this process prints.
    """
    scratch_dir = os.path.abspath(scratch_dir)
    source, made, wheels = (os.path.join(scratch_dir, n) for n in ("source", "made", "wheel"))
    for folder in (source, made, wheels):
        os.mkdir(folder)
    top = _unpack(os.path.abspath(sdist_path), source)
    name = _build_apart(top, made, os.path.join(scratch_dir, "refusal"))
    return _settle(os.path.join(made, name), os.path.join(wheels, name))


# Unpacking.


def _unpack(path, folder):
    """Unpack into `folder`; return the one folder that is in it."""
    try:
        if path.endswith(".zip"):
            _unpack_zip(path, folder)
        else:
            _unpack_tar(path, folder)
    except BuildError:
        raise
    # Archives fail in many ways.
    except Exception as error:
        raise BuildError("cannot unpack `%s`: %s" % (os.path.basename(path), error)) from error
    found = [entry for entry in os.scandir(folder) if entry.is_dir()]
    if len(found) != 1:
        raise BuildError("a source distribution has one folder at its top, not %d" % len(found))
    return found[0].path


def _unpack_tar(path, folder):
    import gzip

    allowance = _Allowance()
    # Read front to back, and whatever is read counts: headers, padding, and files that are skipped.
    with gzip.open(path) as raw, tarfile.open(fileobj=_Counted(raw), mode="r|") as archive:
        for entry in archive:
            if entry.isfile():
                content = archive.extractfile(entry)
                _write(folder, entry.name, content, entry.mode & 0o100, allowance)
            elif not entry.isdir():
                raise BuildError("`%s` is neither a file nor a folder" % entry.name)


def _unpack_zip(path, folder):
    allowance = _Allowance()
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            mode = entry.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise BuildError("`%s` is neither a file nor a folder" % entry.filename)
            if not entry.is_dir():
                with archive.open(entry) as content:
                    _write(folder, entry.filename, content, mode & 0o100, allowance)


class _Allowance:
    """How much may still be unpacked."""

    def __init__(self):
        self.files = _MOST_FILES
        self.bytes = _MOST_BYTES

    def take(self, files=0, size=0):
        self.files -= files
        self.bytes -= size
        if self.files < 0:
            raise BuildError("there are more than %d files" % _MOST_FILES)
        if self.bytes < 0:
            raise BuildError("there are more than %d bytes" % _MOST_BYTES)


class _Counted:
    """A file for reading that ends with an error where there is too much of it."""

    def __init__(self, file):
        self._file = file
        self._allowance = _Allowance()

    def read(self, size):
        piece = self._file.read(size)
        self._allowance.take(size=len(piece))
        return piece


def _write(folder, name, content, executable, allowance):
    """Write one file of an archive: a new one, below `folder`."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or not parts or set(name) & {"\\", "\0"}:
        raise BuildError("`%s` is no path below the archive's folder" % name)
    allowance.take(files=1)
    path = os.path.join(folder, *parts)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "xb", opener=_opener(0o755 if executable else 0o644)) as target:
        piece = content.read(_PIECE)
        while piece:
            allowance.take(size=len(piece))
            target.write(piece)
            piece = content.read(_PIECE)
    os.utime(path, (_EPOCH, _EPOCH))


def _opener(mode):
    return lambda path, flags: os.open(path, flags, mode)


# Building.


def _build_apart(top, folder, refusal):
    """Build `top` in another interpreter; return the name of the wheel that is then in `folder`."""
    # As `-I`, but for the variables: the hash seed is one.
    flags = ["-s", "-S", "-B", "-X", "utf8"]
    words = [os.path.abspath(__file__), top, folder, refusal, *sys.path]
    null = subprocess.DEVNULL
    environment = _environment(os.path.dirname(folder))
    ended = subprocess.call([sys.executable, *flags, *words], stdin=null, env=environment, cwd=top)
    if os.path.exists(refusal):
        with open(refusal, encoding="utf-8", errors="replace") as file:
            raise BuildError(file.read(_LONGEST_REFUSAL))
    if ended != 0:
        raise BuildError("the distribution's own build ended with exit code %d" % ended)
    found = os.listdir(folder)
    if len(found) != 1 or not found[0].endswith(".whl"):
        raise BuildError("the build made no wheel")
    return found[0]


def _environment(scratch):
    """Return the variables of a build: the same on every machine."""
    variables = {"LANG": "C.UTF-8", "PATH": os.defpath, "PYTHONHASHSEED": "0"}
    variables.update(HOME=scratch, TMPDIR=scratch, SOURCE_DATE_EPOCH=str(_EPOCH))
    # Not found, which is what a build then says that cannot do without.
    for name in ("CC", "CXX", "LDSHARED", "LDCXXSHARED", "F77", "F90"):
        variables[name] = "no-compiler-in-the-jail"
    return variables


def _main():
    """Build what the arguments name, in the interpreter that is for it."""
    _, top, folder, refusal, *sys.path[:] = sys.argv
    os.umask(0o022)
    try:
        system = _build_system(top)
        _check_requirements(system["requires"])
        _run_backend(_backend(system, top), folder)
    except BuildError as error:
        with open(refusal, "w", encoding="utf-8", errors="replace") as file:
            file.write(str(error))
        sys.exit(1)


# What the distribution asks for.


def _build_system(top):
    """Return the table `build-system` of `pyproject.toml`, or what holds without it (PEP 517)."""
    path = os.path.join(top, "pyproject.toml")
    if not os.path.isfile(path):
        return dict(_LEGACY)
    with open(path, "rb") as file:
        text = file.read()
    toml = _toml()
    try:
        found = toml.loads(text.decode("utf-8"))
    except ValueError as error:
        raise BuildError("cannot read pyproject.toml: %s" % error) from error
    system = found.get("build-system", {})
    if not isinstance(system, dict):
        raise BuildError("`build-system` in pyproject.toml is no table")
    system = dict(_LEGACY, **system)
    texts = [system["build-backend"], *_list(system, "requires"), *_list(system, "backend-path")]
    if not all(isinstance(text, str) for text in texts):
        raise BuildError("`build-system` in pyproject.toml has values that are no text")
    return system


def _list(table, key):
    value = table.get(key, [])
    if not isinstance(value, list):
        raise BuildError("`%s` in pyproject.toml is no list" % key)
    return value


def _toml():
    """Return a module that reads TOML: Python's own from 3.11 on."""
    for name in ("tomllib", "tomli"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise BuildError("reading pyproject.toml needs `tomli` among what builds")


def _check_requirements(requirements):
    """Refuse what asks for more than there is, and name all of it."""
    unmet = [text for text in (_unmet(requirement) for requirement in requirements) if text]
    if unmet:
        raise BuildError("the build needs what is not there: %s" % ", ".join(unmet))


def _unmet(text):
    """Return a requirement with what there is instead; None if it is met, or not meant."""
    try:
        from packaging.requirements import InvalidRequirement, Requirement
    except ImportError:
        raise BuildError("reading requirements needs `packaging` among what builds") from None
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise BuildError("`%s` is no requirement: %s" % (text, error)) from error
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
        return None
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return "`%s`" % text
    if requirement.url is None and requirement.specifier.contains(version, prereleases=True):
        return None
    return "`%s` (there is %s)" % (text, version)


def _backend(system, top):
    """Import the build backend, from the distribution itself if it says so."""
    module, _, attributes = system["build-backend"].partition(":")
    places = [os.path.realpath(os.path.join(top, path)) for path in system.get("backend-path", [])]
    inside = os.path.realpath(top)
    for place in places:
        if os.path.commonpath([place, inside]) != inside:
            raise BuildError("`backend-path` leads out of the distribution")
    sys.path[:0] = places
    try:
        backend = importlib.import_module(module)
        for name in filter(None, attributes.split(".")):
            backend = getattr(backend, name)
    except (AttributeError, ImportError, ValueError) as error:
        raise BuildError("the backend `%s` cannot be imported: %s" % (module, error)) from error
    if places and not any(_is_below(module, place) for place in places):
        raise BuildError("the backend `%s` is not in its `backend-path`" % module)
    return backend


def _is_below(module, place):
    found = getattr(sys.modules[module], "__file__", None)
    return found is not None and os.path.realpath(found).startswith(place + os.sep)


def _run_backend(backend, folder):
    """Let the backend make a wheel in `folder`."""
    try:
        ask = getattr(backend, "get_requires_for_build_wheel", None)
        if ask is not None:
            _check_requirements(ask())
        backend.build_wheel(folder)
    except BuildError:
        raise
    except (Exception, SystemExit) as error:
        what = "%s: %s" % (type(error).__name__, error)
        raise BuildError("the distribution's own build failed: %s" % what) from error


# The wheel.


def _settle(wheel, target):
    """Write the wheel anew, with all that two builds may differ in fixed; return `target`."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            content = {e.filename: e for e in archive.infolist() if not e.is_dir()}
            record = _record_name(content)
            rows = []
            with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as out:
                for name in sorted(content, key=_place):
                    if name == record:
                        continue
                    data = archive.read(name)
                    rows.append((name, _digest(data), len(data)))
                    _add(out, name, data, content[name].external_attr >> 16 & 0o111)
                text = io.StringIO()
                rows.append((record, "", ""))
                csv.writer(text, lineterminator="\n").writerows(sorted(rows))
                _add(out, record, text.getvalue().encode("utf-8"), 0)
    except (OSError, RuntimeError, zipfile.BadZipFile) as error:
        raise BuildError("cannot read the wheel that was built: %s" % error) from error
    return target


def _record_name(names):
    found = [name for name in names if name.endswith(".dist-info/RECORD") and name.count("/") == 1]
    if len(found) != 1:
        raise BuildError("the wheel that was built has no RECORD")
    return found[0]


def _place(name):
    """Sort by name, the metadata at the end: PEP 427 recommends it."""
    return ".dist-info/" in name, name


def _digest(data):
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
    return "sha256=" + digest.decode("ascii").rstrip("=")


def _add(archive, name, data, executable):
    entry = zipfile.ZipInfo(name, _FIRST)
    entry.create_system = 3
    entry.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
    archive.writestr(entry, data)


if __name__ == "__main__":
    _main()
