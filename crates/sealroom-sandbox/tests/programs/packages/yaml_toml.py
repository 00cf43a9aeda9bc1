"""PyYAML and toml read what they wrote, and no more than data. No inputs."""

import datetime, io
import toml, yaml

settings = {
    "name": 'größe: "1" # no comment\n',
    "numbers": [1, -2, 3.5, 1e300, float("inf")],
    "yes": True,
    "day": datetime.date(2024, 2, 29),
    "table": {"empty": {}, "deep": {"list": [["a"], []]}},
}
with_none = dict(settings, none=None, binary=b"\0\xff")
for style in (None, True, False):
    text = yaml.safe_dump(with_none, default_flow_style=style, allow_unicode=True)
    assert yaml.safe_load(text) == with_none, text
assert list(yaml.safe_load_all(io.BytesIO("--- é\n---\n- 1\n".encode()))) == ["é", [1]]
same = yaml.safe_load("a: &x [1, 2]\nb: *x\n")
assert same["a"] is same["b"]
for bad in ("!!python/object/apply:os.getcwd []", "a: [", "\t- x", "- !unknown x"):
    try:
        yaml.safe_load(bad)
    except yaml.YAMLError:
        pass
    else:
        raise AssertionError(bad)

moment = datetime.datetime(2024, 2, 29, 10, 15, 30)
settings = dict(settings, numbers=[1, -2, 3], rate=3.5, at=moment)
del settings["day"]
assert toml.loads(toml.dumps(settings)) == settings, toml.dumps(settings)
with open("settings.toml", "w") as file:
    toml.dump(settings, file)
assert toml.load("settings.toml") == settings
read = toml.loads("[[ward]]\nname = 'a'\n[[ward]]\nname = 'b'\n[x.'y.z']\nw = 0xff\n")
assert [ward["name"] for ward in read["ward"]] == ["a", "b"] and read["x"]["y.z"]["w"] == 255
try:
    toml.loads("a = 1\na = 2\n")
except toml.TomlDecodeError:
    pass
else:
    raise AssertionError("a name twice")
