"""Runs code with Python 3.8 and the packages of `focal`, outside of any jail. See README.md.

uv run --no-project --python PYTHON3.8 --with-requirements runtimes/focal/requirements.lock \
    vectors/runtimes/focal/make.py
"""

import importlib.metadata
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
PROGRAMS = "crates/sealroom-sandbox/tests/programs/packages"
INPUTS = "vectors/runtimes/focal/inputs"
SCENARIOS = {
    "hello-world": {
        "why": "the reference example of 2022: text is replaced, what became numbers is not",
        "code": "examples/hello-world",
        "inputs": [[0, INPUTS + "/measures.csv"]],
        "consumers": 1,
    },
    "hello-world-people": {
        "why": "the reference example of 2022 on the sample file of this repository",
        "code": "examples/hello-world",
        "inputs": [[0, "examples/data/people.csv"]],
        "consumers": 1,
    },
    "join": {
        "why": "two tables merged on a column: duplicates, gaps, columns of the same name",
        "code": "vectors/runtimes/focal/join",
        "inputs": [[0, INPUTS + "/left.csv"], [1, INPUTS + "/right.csv"]],
        "consumers": 2,
    },
    "two-hospitals": {
        "why": "a model over two tables, by numpy and scipy, and its picture, by matplotlib",
        "code": "examples/two-hospitals",
        "inputs": [[0, INPUTS + "/hospital-a.csv"], [1, INPUTS + "/hospital-b.csv"]],
        "consumers": 3,
    },
    "figures": {
        "why": "pictures by matplotlib and seaborn",
        "code": PROGRAMS + "/figures.py",
        "inputs": [],
        "consumers": 1,
    },
    "pandas-join": {
        "why": "tables of two providers, joined, grouped and summed up",
        "code": PROGRAMS + "/pandas_join.py",
        "inputs": [[0, PROGRAMS + "/data/patients.csv"], [1, PROGRAMS + "/data/visits.csv"]],
        "consumers": 1,
    },
    "protobuf": {
        "why": "a message as protobuf 3.6.1 writes it",
        "code": PROGRAMS + "/protobuf_roundtrip.py",
        "inputs": [],
        "consumers": 1,
    },
    "scipy-fit": {
        "why": "parameters found by scipy",
        "code": PROGRAMS + "/scipy_fit.py",
        "inputs": [[0, PROGRAMS + "/data/decay.csv"]],
        "consumers": 1,
    },
}
# What the code of a run sees of a room: no more than these scenarios use, and none of our code.
STAND_IN = """
import io, json, pathlib

ROOM = json.loads(pathlib.Path(__file__).with_suffix(".json").read_text())


class Enclave:
    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def read(self, n=None):
        for provider, path in ROOM["inputs"]:
            if n in (None, provider):
                yield io.BytesIO(pathlib.Path(path).read_bytes())

    def write(self, data, n=None, name="result.bin"):
        data = data if isinstance(data, bytes) else data.read()
        for consumer in range(ROOM["consumers"]) if n is None else [n]:
            folder = pathlib.Path(ROOM["results"], str(consumer))
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
"""


def check_packages():
    """Refuse to say what other versions do."""
    if sys.version_info[:2] != (3, 8):
        sys.exit("this is Python %d.%d, focal has 3.8" % sys.version_info[:2])
    pins = re.findall(
        r"^([\w.-]+)==([\w.]+)$", (ROOT / "runtimes/focal/requirements.in").read_text(), re.M
    )
    for name, version in pins:
        found = importlib.metadata.version(name)
        if found != version:
            sys.exit("this is %s %s, focal has %s" % (name, found, version))


def run(scenario, work):
    """Run the code in `work`; return its results, as consumer, name and content."""
    code, results = work / "code", work / "results"
    source = ROOT / scenario["code"]
    if source.is_dir():
        shutil.copytree(source, code)
    else:
        code.mkdir()
        shutil.copy(source, code / "run.py")
    room = dict(scenario, results=str(results))
    room["inputs"] = [[provider, str(ROOT / path)] for provider, path in scenario["inputs"]]
    for name in ("sealroom", "cosmian_lib_sgx"):
        (code / (name + ".py")).write_text(STAND_IN)
        (code / (name + ".json")).write_text(json.dumps(room))
    scratch = {name: str(work) for name in ("HOME", "MPLCONFIGDIR", "TMPDIR")}
    variables = {"LANG": "C.UTF-8", "PATH": os.defpath, "PYTHONUTF8": "1", **scratch}
    subprocess.run([sys.executable, "-B", "run.py"], cwd=code, env=variables, check=True)
    written = sorted(path for path in results.glob("*/*"))
    return [(int(path.parent.name), path.name, path.read_bytes()) for path in written]


def main():
    """Make all anew."""
    check_packages()
    shutil.rmtree(HERE / "results", ignore_errors=True)
    for name, scenario in SCENARIOS.items():
        with tempfile.TemporaryDirectory() as work:
            found = run(scenario, pathlib.Path(work))
        entries = []
        for consumer, result, content in found:
            # The same result for several is one file.
            path = HERE / "results" / name / result
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and path.read_bytes() != content:
                sys.exit("%s: `%s` is not the same for all" % (name, result))
            path.write_bytes(content)
            file = path.relative_to(HERE).as_posix()
            entries.append({"consumer": consumer, "name": result, "file": file})
        text = json.dumps(dict(scenario, results=entries), indent=2, ensure_ascii=False)
        (HERE / (name + ".json")).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
