"""Peak memory of everything that takes part, on a large input. See memory.sh."""

import os
import pathlib
import re
import subprocess
import sys
import threading
import time

from room import Computation, Room, say

DIGEST = """
import hashlib
from sealroom import Enclave

with Enclave() as enclave:
    digest = hashlib.sha256()
    for file in enclave.read():
        while piece := file.read(1 << 20):
            digest.update(piece)
    enclave.write(digest.hexdigest().encode())
"""

HALF = """
from sealroom import Enclave


class Half:
    def __init__(self, file, rest):
        self.file, self.rest = file, rest

    def read(self, size=-1):
        piece = self.file.read(min(1 << 20, self.rest))
        self.rest -= len(piece)
        return piece


with Enclave() as enclave:
    enclave.write(Half(next(iter(enclave.read())), SIZE))
"""


class Watch(threading.Thread):
    """Follows the server and all that it starts; remembers the peak of each kind of process."""

    def __init__(self, server):
        """Takes the process of the server."""
        super().__init__(daemon=True)
        self.server, self.peaks, self.done = server, {}, threading.Event()

    def run(self):
        """Looks twenty times a second."""
        while not self.done.wait(0.05):
            self.look(self.server, "server")

    def look(self, pid, parent):
        """Takes the peaks of a process and of its descendants."""
        try:
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            words = pathlib.Path(f"/proc/{pid}/cmdline").read_text().split("\0")
            threads = os.listdir(f"/proc/{pid}/task")
            children = [
                child
                for thread in threads
                for child in pathlib.Path(f"/proc/{pid}/task/{thread}/children").read_text().split()
            ]
        except (FileNotFoundError, ProcessLookupError):
            return
        kind = self.kind(pid, parent, words)
        if found := re.search(r"VmHWM:\s+(\d+) kB", status):
            self.peaks[kind] = max(self.peaks.get(kind, 0), int(found[1]) / 1024)
        for child in children:
            self.look(child, kind)

    def kind(self, pid, parent, words):
        """What a process is."""
        if int(pid) == int(self.server):
            return "server"
        if "python" in pathlib.Path(words[0]).name:
            return "Python in the jail"
        return "enclave" if parent == "server" else "launcher and jail"


def peak(command):
    """Runs a command; its peak in MiB."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command} failed")
    process.returncode = 0
    return usage.ru_maxrss / 1024


def random_file(path, mib):
    """So many mebibytes that no file system makes smaller."""
    with path.open("wb") as out:
        for _ in range(mib):
            out.write(os.urandom(1 << 20))
    return path


def scenario(room, people, name, code, table, size):
    """One computation; the peaks of everybody, in MiB, and the seconds of its run."""
    coder, provider, consumer = people
    folder = room.dir / name
    folder.mkdir()
    (folder / "run.py").write_text(code.replace("SIZE", str(size)))
    watch = Watch(room.server.pid)
    watch.start()
    limits = ("--max-memory-bytes", str(1 << 30))
    computation = Computation(coder, provider, consumer, folder, *limits)
    say(f"{name}: pushing")
    peaks = {"client, data push": peak(provider.command("data", "push", computation.id, table))}
    provider.run("data", "done", computation.id)
    computation.wait_for_identity()
    computation.approve()
    say(f"{name}: running")
    start = time.monotonic()
    computation.wait_for_result()
    seconds = time.monotonic() - start
    out = room.dir / f"{name}-results"
    say(f"{name}: getting")
    get = consumer.command("results", "get", computation.id, "--out", out)
    peaks["client, results get"] = peak(get)
    if (out / "result.bin").stat().st_size != (size or 64):
        sys.exit("the result has another size than was written")
    watch.done.set()
    watch.join()
    coder.run("archive", computation.id)
    return {**peaks, **watch.peaks, "run": seconds}


def main():
    """Prints a table of peaks."""
    mib = int(sys.argv[1]) if len(sys.argv) > 1 else 2048
    found = []
    with Room() as room:
        people = [room.person(name) for name in ("coder", "provider", "consumer")]
        table = random_file(room.dir / "input.bin", mib)
        for name, code, size in (("digest", DIGEST, 0), ("half", HALF, mib << 19)):
            found.append(scenario(room, people, name, code, table, size))
    print(f"| peak resident memory, MiB; input of {mib} MiB | digest out | {mib // 2} MiB out |")
    print("|---|---|---|")
    kinds = ("client, data push", "client, results get", "server", "enclave")
    for kind in (*kinds, "launcher and jail", "Python in the jail"):
        print(f"| {kind} | " + " | ".join(f"{peaks.get(kind, 0):.0f}" for peaks in found) + " |")
    print("| seconds of the run | " + " | ".join(f"{peaks['run']:.1f}" for peaks in found) + " |")


if __name__ == "__main__":
    main()
