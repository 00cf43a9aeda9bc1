"""A server with enclaves of its own, and participants with profiles: the stage of benches."""

import base64
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import datetime

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(
    os.environ.get("SEALROOM_TARGET") or os.environ.get("CARGO_TARGET_DIR") or ROOT / "target"
)
PROGRAM = TARGET / "release" / "sealroom"
RUNTIMES = TARGET / "runtime"
PATIENCE_S = 600


def say(words):
    """Tells the person who waits."""
    print(words, file=sys.stderr, flush=True)


class Room:
    """Runs as a context: starts a server in a folder that is deleted at the end."""

    def __enter__(self):
        """Starts the server, and returns once it listens."""
        place = pathlib.Path(os.environ.get("BENCH_DIR") or TARGET / "bench")
        place.mkdir(parents=True, exist_ok=True)
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="room.", dir=place))
        # Enclaves keep their sealed files where temporary files go: on the same file system.
        (self.dir / "tmp").mkdir(mode=0o755)
        self.dir.chmod(0o755)
        self.log = (self.dir / "server.log").open("w")
        self.server = subprocess.Popen(
            [PROGRAM, "serve", "--listen", "127.0.0.1:0", "--data-dir", self.dir / "server"],
            stdout=subprocess.PIPE,
            stderr=self.log,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "TMPDIR": str(self.dir / "tmp")},
            text=True,
        )
        self.url = self.server.stdout.readline().strip()
        if not self.url:
            sys.exit((self.dir / "server.log").read_text())
        return self

    def __exit__(self, *_):
        """Stops the server, which takes its enclaves with it."""
        self.server.send_signal(signal.SIGTERM)
        self.server.wait()
        self.log.close()
        shutil.rmtree(self.dir)

    def person(self, name):
        """Somebody with an account and a profile."""
        add = [PROGRAM, "account", "add", f"{name}@example.org", "--data-dir", self.dir / "server"]
        token = subprocess.run(add, check=True, capture_output=True, text=True).stdout
        person = Person(self.dir / "profiles" / name, f"{name}@example.org")
        person.run("login", "--server", self.url, input=token)
        return person


class Person:
    """Plays commands with a profile of its own."""

    def __init__(self, profile, email):
        """Names the folder of the profile and the account."""
        self.profile, self.email = profile, email

    def command(self, *args):
        """The command line of `sealroom ARGS` for this person."""
        return [str(a) for a in (PROGRAM, "--profile", self.profile, *args)]

    def run(self, *args, **options):
        """What `sealroom ARGS` prints."""
        command = self.command(*args)
        run = subprocess.run(command, check=False, capture_output=True, text=True, **options)
        if run.returncode:
            sys.exit(f"sealroom {' '.join(map(str, args))}:\n{run.stdout}{run.stderr}")
        return run.stdout

    def json(self, *args):
        """What `sealroom ARGS --json` tells."""
        return json.loads(self.run(*args, "--json"))


class Computation:
    """One owner and code provider, one data provider, one result consumer, no key released yet."""

    def __init__(self, coder, provider, consumer, code, *policy):
        """Creates it, with all keys registered and the code pushed."""
        self.coder, self.provider, self.consumer = coder, provider, consumer
        made = coder.json(
            *("new", "--name", "bench", "--code", coder.email, "--data", provider.email),
            *("--result", consumer.email, *policy),
        )
        self.id, self.words = made["computation"], made["safety_words"]
        for person in (coder, provider, consumer):
            person.run("join", self.id)
        coder.run("code", "push", self.id, code)

    def wait_for_identity(self):
        """Returns once an enclave has published what it is."""
        self._wait(lambda: self.coder.json("status", self.id)["enclave"]["identity"])

    def approve(self):
        """Everybody releases its key; with the last one the run starts by itself."""
        for person in (self.coder, self.provider, self.consumer):
            person.run("approve", self.id, "--words", self.words, "--allow-simulated")

    def wait_for_result(self):
        """Seconds from the last key to the results, by the server's clock."""
        events = self._wait(self._finished)
        last = {e["event"]["type"]: e for e in events}
        finished = last["run_finished"]
        receipt = json.loads(base64.b64decode(finished["event"]["receipt"]["payload"]))
        status = receipt["predicate"]["status"]
        if status["status"] != "succeeded":
            sys.exit(f"the run failed: {status}")
        keys, done = milliseconds(last["key_provisioned"]), milliseconds(finished)
        return (done - keys) / 1000

    def _finished(self):
        events = self.coder.json("audit", self.id)
        return events if any(e["event"]["type"] == "run_finished" for e in events) else None

    def _wait(self, question):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if answer := question():
                return answer
            # Seldom enough not to slow down what is measured.
            time.sleep(0.5)
        sys.exit("gave up waiting")


def milliseconds(event):
    """When, since 1970."""
    moment = datetime.fromisoformat(event["at"].replace("Z", "+00:00"))
    return round(moment.timestamp() * 1000)


def interpreter():
    """The Python of the runtime, which runs the participants' code."""
    return _default()["interpreter"]


def site_packages():
    """The folder with the packages of the runtime `default`."""
    return RUNTIMES / "layers" / _default()["layer"] / "site-packages"


def _default():
    return json.loads((RUNTIMES / "default" / "runtime.json").read_text())
