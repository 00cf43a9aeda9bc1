"""tempfile, shutil, zipfile, tarfile and what belongs to them."""

import bz2, glob, gzip, lzma, os, pathlib, shutil, tarfile, tempfile, zipfile

# Where Python knows the word, it asks for it.
SAFELY = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}

with tempfile.TemporaryDirectory() as folder:
    root = pathlib.Path(folder)
    (root / "a/b").mkdir(parents=True)
    (root / "a/b/c.txt").write_text("wörds")
    os.symlink("b/c.txt", root / "a/link")
    shutil.copytree(root / "a", root / "copy", symlinks=True)
    shutil.copy2("run.py", root)
    with zipfile.ZipFile(root / "z.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(root / "a/b/c.txt", "c.txt")
    with zipfile.ZipFile(root / "z.zip") as archive:
        assert archive.testzip() is None and archive.read("c.txt").decode() == "wörds"
    for mode in ("w", "w:gz", "w:bz2", "w:xz"):
        with tarfile.open(root / "t.tar", mode) as archive:
            archive.add(root / "a", "a")
        shutil.rmtree(root / "out", ignore_errors=True)
        with tarfile.open(root / "t.tar") as archive:
            archive.extractall(root / "out", **SAFELY)
        assert (root / "out/a/link").read_text() == "wörds"
    for module in (bz2, gzip, lzma):
        with module.open(root / "packed", "wb") as file:
            file.write(b"x" * 100_000)
        with module.open(root / "packed") as file:
            assert len(file.read()) == 100_000
    assert len(glob.glob(folder + "/**/c.txt", recursive=True)) == 3
    assert shutil.disk_usage(folder).free > 0
    shutil.make_archive(str(root / "made"), "zip", root / "copy")
    shutil.move(str(root / "copy"), str(root / "moved"))
assert not os.path.exists(folder)
with tempfile.TemporaryFile() as file, tempfile.SpooledTemporaryFile(10) as spooled:
    file.write(b"x")
    spooled.write(b"x" * 100)
