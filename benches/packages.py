"""Seconds that packages of the code take: see packages.sh."""

import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

PROGRAM = "from sealroom import Enclave\nwith Enclave() as enclave:\n    enclave.write(b'x')\n"


def main():
    """Prints a table of medians."""
    target, rounds, *requirements = sys.argv[1:]
    target = pathlib.Path(target)
    sealroom = target / "release" / "sealroom"
    with tempfile.TemporaryDirectory(prefix="bench-packages.", dir=target) as folder:
        folder = pathlib.Path(folder)
        runtimes = own_runtimes(target / "runtime", folder / "runtimes")
        bare, code = folder / "bare", folder / "code"
        for place in (bare, code):
            place.mkdir()
            (place / "run.py").write_text(PROGRAM)
        (code / "requirements.txt").write_text("".join(f"{name}\n" for name in requirements))
        lock = [sealroom, "packages", "lock", code, "--runtime", "minimal", "--runtimes", runtimes]
        took = {"resolve and fetch": [], "no packages": [], "from nothing": [], "again": []}
        for _ in range(int(rounds)):
            (code / "sealroom.lock").unlink(missing_ok=True)
            took["resolve and fetch"].append(seconds(lock))
            shutil.rmtree(runtimes / "cache", ignore_errors=True)
            took["no packages"].append(seconds(test(sealroom, bare, runtimes)))
            took["from nothing"].append(seconds(test(sealroom, code, runtimes)))
            took["again"].append(seconds(test(sealroom, code, runtimes)))
        size = sum(f.stat().st_size for f in (runtimes / "cache").rglob("*") if f.is_file())
    print(f"{', '.join(requirements)}: {size / 1e6:.0f} MB installed, {rounds} rounds in turns\n")
    print("| | median, s | least | most |\n|---|---|---|---|")
    for what, times in took.items():
        print(f"| {what} | {statistics.median(times):.2f} | {min(times):.2f} | {max(times):.2f} |")
    beside = statistics.median(took["again"]) - statistics.median(took["no packages"])
    ratio = statistics.median(took["from nothing"]) / statistics.median(took["again"])
    print(f"\nagain beside no packages: +{beside:.2f} s")
    print(f"from nothing beside again: {ratio:.1f} times")


def own_runtimes(there, here):
    """The same runtimes with a cache of our own, which may be emptied."""
    here.mkdir()
    for entry in there.iterdir():
        if entry.name != "cache":
            (here / entry.name).symlink_to(entry)
    return here


def test(sealroom, code, runtimes):
    """The command that runs `code` once."""
    return [sealroom, "test", code, "--runtime", "minimal", "--runtimes", runtimes]


def seconds(command):
    """How long a command takes."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
