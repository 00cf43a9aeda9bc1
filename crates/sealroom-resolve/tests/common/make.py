"""Makes tiny packages: `make.py FOLDER` with a JSON list of them on stdin."""

import io
import json
import sys
import tarfile
import zipfile


def wheel(folder, package):
    name, version, tag = package["name"], package["version"], package["tag"]
    lines = ["Metadata-Version: 2.1", "Name: " + name, "Version: " + version]
    lines += ["Requires-Dist: " + requirement for requirement in package["requires"]]
    lines += ["Provides-Extra: " + extra for extra in package["extras"]]
    info = "%s-%s.dist-info/" % (name, version)
    with zipfile.ZipFile("%s/%s-%s-%s.whl" % (folder, name, version, tag), "w") as archive:
        archive.writestr(name + ".py", "WHAT = %r\n" % package["note"])
        archive.writestr(info + "METADATA", "\n".join(lines) + "\n")
        archive.writestr(info + "WHEEL", "Wheel-Version: 1.0\nTag: %s\n" % tag)
        archive.writestr(info + "RECORD", "")


def source(folder, package):
    name, version = package["name"], package["version"]
    top = "%s-%s/" % (name, version)
    members = {
        top + "PKG-INFO": "Metadata-Version: 1.1\nName: %s\nVersion: %s\n" % (name, version),
        top + "setup.py": "open(%r, 'w').write('run')\n" % package["note"],
        top + "pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = 'backend'\n"
        "backend-path = ['.']\n",
        top + "backend.py": "open(%r, 'w').write('run')\n" % package["note"],
    }
    if package["requires"]:
        text = "\n".join(package["requires"]) + "\n"
        members[top + name + ".egg-info/requires.txt"] = text
    if package["tag"] == "zip":
        with zipfile.ZipFile("%s/%s-%s.zip" % (folder, name, version), "w") as archive:
            for member, text in members.items():
                archive.writestr(member, text)
        return
    with tarfile.open("%s/%s-%s.tar.gz" % (folder, name, version), "w:gz") as archive:
        for member, text in members.items():
            about = tarfile.TarInfo(member)
            about.size = len(text)
            archive.addfile(about, io.BytesIO(text.encode()))


if __name__ == "__main__":
    for package in json.load(sys.stdin):
        make = source if package["tag"] in ("zip", "tar.gz") else wheel
        make(sys.argv[1], package)
