"""Times a run, from the last key to the result, beside plain Python doing the same. See run.sh."""

import os
import random
import statistics
import subprocess
import sys
import time

from room import ROOT, Computation, Room, interpreter, say, site_packages

HELLO = ROOT / "examples" / "hello-world"
PLAIN = """
import sys
import pandas as pd
import secret_module
dataframe = secret_module.secret_function(pd.read_csv(sys.argv[1]))
open(sys.argv[2], "wb").write(dataframe.to_csv().encode("utf-8"))
"""


def million_bytes(path):
    """A table of names, towns and numbers, a million bytes, the same every time."""
    dice = random.Random(1)
    with path.open("w") as out:
        size = out.write("name,town,age,income\n")
        while size < 1_000_000:
            name, town = ("".join(dice.choices("abcdefghij", k=8)) for _ in range(2))
            size += out.write(f"{name},{town},{dice.randint(0, 99)},{dice.randint(0, 99999)}\n")
    return path


def plain(table, result):
    """Seconds that plain Python takes, with the same interpreter and packages."""
    paths = os.pathsep.join([str(HELLO), str(site_packages())])
    start = time.perf_counter()
    subprocess.run(
        [interpreter(), "-s", "-c", PLAIN, table, result],
        check=True,
        env={**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    return time.perf_counter() - start


def enclave(people, table, out):
    """Seconds from the last key to the result, and the result's path."""
    coder, provider, consumer = people
    computation = Computation(coder, provider, consumer, HELLO)
    provider.run("data", "push", computation.id, table)
    provider.run("data", "done", computation.id)
    computation.wait_for_identity()
    computation.approve()
    seconds = computation.wait_for_result()
    consumer.run("results", "get", computation.id, "--out", out)
    coder.run("archive", computation.id)
    return seconds


def main():
    """Prints a table of medians."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print("| input | in the room, s | least | most | plain Python, s | least | most | ratio |")
    print("|---|---|---|---|---|---|---|---|")
    with Room() as room:
        people = [room.person(name) for name in ("coder", "provider", "consumer")]
        tables = [ROOT / "examples" / "data" / "people.csv", million_bytes(room.dir / "1mb.csv")]
        for table in tables:
            inside, outside = [], []
            for i in range(rounds):
                say(f"{table.name}: round {i + 1} of {rounds}")
                result, out = room.dir / "plain.bin", room.dir / "results"
                outside.append(plain(table, result))
                inside.append(enclave(people, table, out))
                if (out / "result.bin").read_bytes() != result.read_bytes():
                    sys.exit("the room and plain Python come to different results")
            (a, b) = (statistics.median(inside), statistics.median(outside))
            print(
                f"| {table.name}, {table.stat().st_size} bytes "
                f"| {a:.2f} | {min(inside):.2f} | {max(inside):.2f} "
                f"| {b:.2f} | {min(outside):.2f} | {max(outside):.2f} | {a / b:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
