"""Opens sealed resources in every usual way."""

import importlib.resources as resources, io, os, pkgutil, sys, warnings
import pkg, sealroom

warnings.simplefilter("ignore")
blob = bytes(range(256))
assert pkgutil.get_data("pkg", "table.bin") == blob
assert pkgutil.get_data("pkg", "data/deep.txt") == b"deep\n"
assert sealroom.open_resource("pkg/table.bin").read() == blob
assert sealroom.open_resource("weights.bin").read() == b"w"
os.chdir("/")
assert sealroom.open_resource("weights.bin").read() == b"w"
for bad in ("absent", "../x", "/etc/passwd", "pkg"):
    try:
        sealroom.open_resource(bad)
    except FileNotFoundError:
        pass
    else:
        raise AssertionError(bad)
if hasattr(resources, "open_binary"):
    assert resources.open_binary("pkg", "table.bin").read() == blob
    assert resources.read_text("pkg", "words.txt") == "wörds\n"
    assert resources.is_resource("pkg", "words.txt") and not resources.is_resource("pkg", "data")
    assert sorted(resources.contents("pkg")) == ["__init__.py", "data", "table.bin", "words.txt"]
    with resources.path("pkg", "table.bin") as path:
        assert open(path, "rb").read() == blob
if sys.version_info >= (3, 9):
    files = resources.files("pkg")
    assert files.joinpath("table.bin").read_bytes() == blob
    assert (files / "words.txt").read_text(encoding="utf-8") == "wörds\n"
    assert (files / "data" / "deep.txt").open().read() == "deep\n"
    assert [f.name for f in (files / "data").iterdir()] == ["deep.txt"] and (
        files / "data"
    ).is_dir()
    with resources.as_file(files / "table.bin") as path:
        assert path.read_bytes() == blob
print("opened")
