"""Goes through import_rules.json: each case in its own folder, its outcome compared with `here`."""

import importlib, json, os, sys

root = os.getcwd()
with open("import_rules.json", encoding="utf-8") as file:
    cases = json.load(file)


def outcome(case, here):
    relative = case.get("relative", False)
    entries = [
        p if relative else os.path.normpath(os.path.join(here, p)) for p in case.get("path", [""])
    ]
    sys.path[:0] = entries
    os.chdir(here)
    scope = {"os": os, "sys": sys, "here": here}
    try:
        exec(case["code"], scope)
    except Exception as error:
        return type(error).__name__
    return str(scope.get("said"))


wrong = []
for number, case in enumerate(cases):
    modules, path = set(sys.modules), list(sys.path)
    importlib.invalidate_caches()
    found = outcome(case, os.path.join(root, "case%d" % number))
    if found != case["here"]:
        wrong.append("%s: %s, not %s" % (case["name"], found, case["here"]))
    os.chdir(root)
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]
sys.exit("\n".join(wrong) or print("went through %d" % len(cases)))
