"""What a jailed interpreter starts with: python -I -S -B _bootstrap.py FOLDER:FOLDER... MODE ...

Takes the channel from standard input, lays out the clear files, makes the sealed ones importable,
and runs `run.py` as `python run.py` would.
"""

import contextlib
import os
import sys


def main():
    """Do what the second argument says: `run`, or `probe`, which prints what there is.

    Names after it are of modules to import before the first word from the enclave.
    """
    _, folders, mode, *early = sys.argv
    sys.path[:] = [path for path in sys.path if path != os.path.dirname(os.path.abspath(__file__))]
    sys.path += folders.split(os.pathsep)
    if mode == "probe":
        probe()
    else:
        run(early)


def probe():
    """Print the version, and the names of the modules that Python itself brings, as JSON."""
    import json

    import _sealroom  # noqa: F401 - it has to load here

    import sealroom  # noqa: F401

    version = "%d.%d.%d" % sys.version_info[:3]
    print(json.dumps({"python_version": version, "stdlib": sorted(standard_names())}))


def standard_names():
    """Names of modules of the standard library, as far as they can be imported by name."""
    names = getattr(sys, "stdlib_module_names", None)
    if names is not None:
        return set(names)
    # Before Python 3.10: what lies in its folders. `test` is its own, and nobody imports it.
    import pkgutil
    import sysconfig

    folder = sysconfig.get_path("stdlib")
    folders = [folder, os.path.join(folder, "lib-dynload")]
    found = {module.name for module in pkgutil.iter_modules(folders)}
    return (found | set(sys.builtin_module_names)) - {"test"}


def run(early):
    """Run the job's `run.py`; its exception or exit is this process's."""
    from _sealroom import Channel

    from sealroom import _modules, _session

    channel = Channel.from_stdin()
    seem_ordinary()
    imported = preload(early)
    # Waits here for the enclave, in a jail that was started before there was a job.
    session = _session.start(channel)
    if any(top_name(path) in imported for path in session.code):
        start_over()
    take_away_stdin()
    lay_out(session)
    sys.path.insert(0, session.root)
    _modules.install(session)
    entrypoint(session)


def preload(early):
    """Import modules as far as they can be, in silence; return the names of all that came of it."""
    if not early:
        return set()
    import importlib

    before = set(sys.modules)
    out, errors, null = os.dup(1), os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    for name in early:
        with contextlib.suppress(BaseException):
            importlib.import_module(name)
    flush()
    os.dup2(out, 1)
    os.dup2(errors, 2)
    for number in (out, errors, null):
        os.close(number)
    return {name for name in sys.modules if name not in before}


def top_name(path):
    """The name that a file or its folder is imported by."""
    first = path.partition("/")[0]
    return first[:-3] if first.endswith(".py") else first


def start_over():
    """Become an interpreter that has imported nothing early: modules of the code come first."""
    flags = ["-I", "-S", "-B", "-X", "utf8"]
    os.set_inheritable(0, True)
    os.execv(sys.executable, [sys.executable, *flags, os.path.abspath(__file__), *sys.argv[1:3]])


def take_away_stdin():
    """Leave nothing to read where the channel was."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0, inheritable=True)
    os.close(null)


def seem_ordinary():
    """Give what `python run.py` has and `-S` takes away, and what the 2022 library looked at."""
    import site

    site.setquit()
    # 1 was a run, 0 asked for the enclave's identity instead.
    os.environ["RUN"] = "1"


def lay_out(session):
    """Write the clear files into the current directory, and the folders of all."""
    for path, file in session.code.items():
        folder = os.path.dirname(path)
        if folder:
            os.makedirs(folder, exist_ok=True)
        if not file.sealed:
            with open(path, "wb") as target:
                target.write(session.read_code(file))


def entrypoint(session):
    """Execute `run.py` as module `__main__`; tracebacks begin in it."""
    import builtins
    import types

    from sealroom import _trace

    path = os.path.join(session.root, "run.py")
    file = session.code.get("run.py")
    if file is None:
        sys.exit("there is no run.py at the top of the code folder")
    module = types.ModuleType("__main__")
    module.__file__ = path
    module.__builtins__ = builtins
    sys.modules["__main__"] = module
    sys.argv[:] = ["run.py"]
    try:
        code = compile(session.read_code(file), path, "exec", dont_inherit=True)
        exec(code, module.__dict__)
    except SystemExit:
        raise
    except BaseException as error:
        trace = error.__traceback__.tb_next
        error = error.with_traceback(trace)
        _trace.send(session, error)
        flush()
        sys.excepthook(type(error), error, trace)
        sys.exit(1)
    finally:
        flush()


def flush():
    """Say what is still in buffers."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()


if __name__ == "__main__":
    main()
