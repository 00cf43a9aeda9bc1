"""Reads from a source distribution what it needs, and runs nothing of it.

python3 -I -c PROGRAM ARCHIVE ANSWER, where ANSWER is the JSON file to write: `name`, `version`,
`python`, `requires` (each with its marker) and `extras`. Only texts of a bounded size at known
places are read: `PKG-INFO`, and the `requires.txt` that setuptools puts beside it.
"""

import gzip
import json
import sys
import tarfile
import zipfile
import zlib
from email.parser import HeaderParser

MAX_TEXT = 1 << 20
MAX_MEMBERS = 50000
MAX_UNPACKED = 2 << 30
MAX_REQUIRES = 2000
DAMAGED = (
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)


class Refusal(Exception):
    """Why nothing is read."""


class Bounded:
    """A stream that ends with an error where a bomb would go on."""

    def __init__(self, stream):
        """Nothing has passed yet."""
        self.stream = stream
        self.left = MAX_UNPACKED

    def read(self, size=-1):
        """Passes bytes on."""
        if size < 0 or size > self.left:
            raise Refusal("it unpacks to more than %d bytes" % MAX_UNPACKED)
        piece = self.stream.read(size)
        self.left -= len(piece)
        return piece


def is_wanted(name):
    """Whether a member is one that is read."""
    parts = name.split("/")
    if len(parts) == 2 and parts[1] == "PKG-INFO":
        return True
    in_egg_info = len(parts) >= 3 and parts[-2].endswith(".egg-info")
    return in_egg_info and len(parts) <= 4 and parts[-1] in ("PKG-INFO", "requires.txt")


def texts(path):
    """Returns the texts that are looked for, by name."""
    found = {}

    def take(name, size, read):
        if len(found) > 20 or size > MAX_TEXT:
            raise Refusal("`%s` is too large" % name[:80])
        found[name] = read(MAX_TEXT).decode("utf-8", "replace")

    if path.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > MAX_MEMBERS:
                raise Refusal("it has more than %d files" % MAX_MEMBERS)
            for member in members:
                if is_wanted(member.filename):
                    with archive.open(member) as file:
                        take(member.filename, member.file_size, file.read)
        return found
    with gzip.open(path) as stream, tarfile.open(fileobj=Bounded(stream), mode="r|") as archive:
        for count, member in enumerate(archive):
            if count >= MAX_MEMBERS:
                raise Refusal("it has more than %d files" % MAX_MEMBERS)
            name = member.name[2:] if member.name.startswith("./") else member.name
            if member.isreg() and is_wanted(name):
                take(name, member.size, archive.extractfile(member).read)
            # It remembers all of them otherwise.
            archive.members = []
    return found


def sections(text):
    """Reads a `requires.txt`: requirements with markers, and the names of extras."""
    requires, extras, condition = [], [], ""
    for line in text.splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("[") and line.endswith("]"):
            extra, _, marker = line[1:-1].partition(":")
            conditions = ["(%s)" % marker] if marker else []
            if extra:
                extras.append(extra)
                conditions.append("extra == '%s'" % extra)
            condition = " and ".join(conditions)
            continue
        requirement, _, marker = line.partition(";")
        both = " and ".join(part for part in ("(%s)" % marker if marker else "", condition) if part)
        requires.append("%s ; %s" % (requirement.strip(), both) if both else requirement.strip())
    return requires, extras


def read(path):
    """Returns what a source distribution says of itself."""
    found = texts(path)
    infos = [name for name in found if name.endswith("PKG-INFO")]
    infos.sort(key=lambda name: name.count("/"))
    if not infos:
        raise Refusal("it has no PKG-INFO")
    info = HeaderParser().parsestr(found[infos[0]])
    requires, extras = info.get_all("Requires-Dist", []), info.get_all("Provides-Extra", [])
    numbers = info.get("Metadata-Version", "1.0").split(".")
    version = tuple(int(number) if number.isdigit() else 0 for number in numbers)
    dynamic = {field.lower() for field in info.get_all("Dynamic", [])}
    is_final = version >= (2, 2) and "requires-dist" not in dynamic
    if not requires and not is_final:
        # Older than that standard: what setuptools wrote when it packed the distribution.
        lists = sorted((name for name in found if name.endswith("requires.txt")), key=len)
        if lists:
            requires, extras = sections(found[lists[0]])
    if len(requires) > MAX_REQUIRES:
        raise Refusal("it needs more than %d packages" % MAX_REQUIRES)
    return {
        "name": info.get("Name", ""),
        "version": info.get("Version", ""),
        "python": info.get("Requires-Python"),
        "requires": [" ".join(text.split()) for text in requires],
        "extras": extras,
    }


def main(path, answer):
    """Writes the answer, or says why there is none."""
    try:
        found = read(path)
    except Refusal as error:
        return str(error)
    except DAMAGED as error:
        return "it is damaged: %s" % error
    with open(answer, "w", encoding="utf-8") as file:
        json.dump(found, file)
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
