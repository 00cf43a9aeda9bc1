"""Imports the sealed modules of the code folder from memory: their text is never a file.

A sealed module is found where its file would be: entries of `sys.path` or of a package's `__path__`
count in their order, and within one entry a package beats a module and a module beats a folder
without `__init__.py`, as always in Python. Clear modules are ordinary files in the same folders and
left to Python's own finder; beside one of the same name, the sealed one counts.
"""

import importlib.machinery
import io
import os
import sys

_INIT = "__init__.py"
# Code may carry a stand-in for it, to be run at home: in the room, the real one counts.
_REAL = "cosmian_lib_sgx"


class SealedFinder:
    """Finds modules whose text is sealed; the first of `sys.meta_path`."""

    def __init__(self, session):
        """Serve the code folder of `session`."""
        self._session = session

    def find_spec(self, fullname, path=None, target=None):
        """Return the spec of a sealed module, None for all others."""
        if fullname == _REAL:
            return None
        tail = fullname.rpartition(".")[2]
        earlier = []
        for entry in sys.path if path is None else path:
            file = self._file(entry, tail)
            if file is not None:
                if not file.sealed or _on_disk(fullname, earlier):
                    return None
                return self._spec(fullname, file)
            earlier.append(entry)
        return None

    def _file(self, entry, tail):
        """Return the file of the code folder that is module `tail` in `entry`, sealed or clear."""
        # Python passes over `Path` objects, but the 2022 library did not.
        if not isinstance(entry, (str, os.PathLike)):
            return None
        folder = self._session.relative(_absolute(entry))
        if folder is None:
            return None
        stem = folder + "/" + tail if folder else tail
        package = self._session.code.get(stem + "/" + _INIT)
        return package or self._session.code.get(stem + ".py")

    def _spec(self, fullname, file):
        location = os.path.join(self._session.root, *file.path.split("/"))
        loader = SealedLoader(fullname, location, self._session)
        package = file.path == _INIT or file.path.endswith("/" + _INIT)
        spec = importlib.machinery.ModuleSpec(fullname, loader, origin=location, is_package=package)
        spec.has_location = True
        spec.cached = None
        if package:
            spec.submodule_search_locations = [os.path.dirname(location)]
        return spec

    def invalidate_caches(self):
        """Nothing is cached."""


def _absolute(entry):
    """Return `entry` seen from the current directory, as it is if there is none."""
    try:
        return os.path.abspath(entry)
    except FileNotFoundError:
        return entry


def _on_disk(fullname, entries):
    """Whether Python finds a module, more than a mere folder, in one of `entries`."""
    spec = importlib.machinery.PathFinder.find_spec(fullname, entries)
    return spec is not None and spec.loader is not None


class SealedLoader(importlib.machinery.SourceFileLoader):
    """Python's own loader of source files, with the enclave in place of the disk."""

    def __init__(self, fullname, path, session):
        """Load `fullname`, whose file would be at `path`."""
        super().__init__(fullname, path)
        self._session = session

    def path_stats(self, path):
        """Refuse: without a time there is no bytecode cache, neither read nor written."""
        raise OSError("a sealed module has no times")

    def set_data(self, path, data, *, _mode=0o666):
        """Write nothing."""

    def get_data(self, path):
        """Return the bytes of a file of the code folder, or of any clear file."""
        name = self._session.relative(path)
        file = self._session.code.get(name) if name is not None else None
        if file is None:
            return super().get_data(path)
        return self._session.read_code(file)

    def get_resource_reader(self, module):
        """Return a reader of the files beside the package, for `importlib.resources`."""
        if not self.is_package(self.name):
            return None
        folder = self._session.relative(os.path.dirname(self.path))
        return ResourceReader(self._session, folder)


class ResourceReader:
    """The files of a package: `importlib.resources` in its old and new form."""

    def __init__(self, session, folder):
        """Serve `folder` of the code folder."""
        self._files = ResourceFolder(session, folder)

    def files(self):
        """Return the package's folder."""
        return self._files

    def open_resource(self, resource):
        """Open a file for reading bytes."""
        return self._files.joinpath(resource).open("rb")

    def resource_path(self, resource):
        """Refuse: it has no path. `importlib.resources.path` then makes a copy in scratch."""
        raise FileNotFoundError(resource)

    def is_resource(self, name):
        """Whether it is a file."""
        return self._files.joinpath(name).is_file()

    def contents(self):
        """Iterate over the names in the folder."""
        return (entry.name for entry in self._files.iterdir())


class ResourceFolder:
    """A folder or file of the code folder, with the calls of `Traversable`."""

    def __init__(self, session, path):
        """Stand for `path`, `/`-separated, seen from the code folder."""
        self._session = session
        self._path = path

    @property
    def name(self):
        """Its last part."""
        return self._path.rpartition("/")[2]

    def __str__(self):
        """Where it would be."""
        return os.path.join(self._session.root, self._path)

    def __repr__(self):
        """Say what it is."""
        return "ResourceFolder(%r)" % self._path

    def is_file(self):
        """Whether it is a file."""
        return self._path in self._session.code

    def is_dir(self):
        """Whether there are files below it."""
        return self._path == "" or any(self._below())

    def iterdir(self):
        """Iterate over what is directly in it."""
        start = len(self._path) + 1 if self._path else 0
        names = {path[start:].partition("/")[0] for path in self._below()}
        return (self.joinpath(name) for name in sorted(names))

    def joinpath(self, *parts):
        """Return what is at a relative path."""
        path = self._path
        for part in (part for parts_ in parts for part in os.fspath(parts_).split("/")):
            if part == "..":
                path = path.rpartition("/")[0]
            elif part not in ("", "."):
                path = path + "/" + part if path else part
        return ResourceFolder(self._session, path)

    def __truediv__(self, part):
        """Return what is at a relative path."""
        return self.joinpath(part)

    def open(self, mode="r", *args, **kwargs):
        """Open a file for reading, bytes or text."""
        file = self._session.code.get(self._path)
        if file is None:
            raise FileNotFoundError(2, "there is no such file in the code folder", self._path)
        if set(mode) - set("rbt"):
            raise ValueError("resources are for reading, not %r" % mode)
        data = io.BytesIO(self._session.read_code(file))
        return data if "b" in mode else io.TextIOWrapper(data, *args, **kwargs)

    def read_bytes(self):
        """Return all bytes."""
        with self.open("rb") as file:
            return file.read()

    def read_text(self, encoding="utf-8", errors=None):
        """Return all text."""
        with self.open("r", encoding=encoding, errors=errors) as file:
            return file.read()

    def _below(self):
        start = self._path + "/" if self._path else ""
        return (path for path in self._session.code if path.startswith(start))


def install(session):
    """Find sealed modules from now on, before all others."""
    sys.meta_path.insert(0, SealedFinder(session))
    if sys.version_info[:2] == (3, 9):
        _teach_files()


def _teach_files():
    """Let `importlib.resources.files` ask the loader: Python 3.9, alone, looks only at the disk."""
    from importlib import _common

    def from_package(package, on_disk=_common.from_package):
        loader = package.__spec__.loader
        if isinstance(loader, SealedLoader):
            return loader.get_resource_reader(package.__spec__.name).files()
        return on_disk(package)

    _common.from_package = from_package
