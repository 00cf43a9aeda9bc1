"""Imports sealed modules of every shape."""

import os, sys, traceback, inspect, pkgutil, importlib
from sealroom import Enclave

import pkg, pkg.sub.deep, top, clear_pkg.inner
from pkg import a
from names.space import part

assert pkg.sub.deep.UP == "a of pkg" and a.NAME == "a of pkg" and part.X == 1
assert pkg.WHO == "package" and top.__name__ == "top" and clear_pkg.inner.Y == 2
root = os.getcwd()
assert pkg.__file__ == root + "/pkg/__init__.py" and pkg.__path__ == [root + "/pkg"]
assert a.__package__ == "pkg" and a.__spec__.parent == "pkg"
assert not os.path.exists(pkg.__file__) and not os.path.exists(root + "/top.py")
assert inspect.getsource(top.function) == "def function():\n    raise KeyError('é')\n"
try:
    top.function()
except KeyError:
    text = traceback.format_exc()
assert "raise KeyError('é')" in text and root + "/top.py" in text, text
importlib.reload(top)
import shadowed_json as json_like
import csv

assert csv.IS == "mine", "the code folder comes before the standard library"
import beside

assert beside.WHO == "package", "a package beats a module"
try:
    import top.nothing
except ModuleNotFoundError:
    pass
try:
    import absent_module
except ModuleNotFoundError as error:
    assert error.name == "absent_module"
import runpy

assert runpy.run_module("pkg.tool", run_name="__main__")["ran"] == "__main__"
secret = [n for _, _, ns in os.walk(root) for n in ns]
assert sorted(secret) == ["__init__.py", "run.py"], secret
assert not [m for m in sys.modules if m == "_bootstrap"]
assert __name__ == "__main__" and __file__ == root + "/run.py" and sys.argv == ["run.py"]
assert sys.path[0] == root and sys.modules["__main__"].__dict__ is globals()
print("imported")
