# /// script
# requires-python = ">=3.11"
# dependencies = ["jsonschema==4.26.0", "pandas==2.3.3"]
# ///
"""Makes the vectors in this folder with other implementations. See README.md.

uv run vectors/contract/make.py
"""

import csv
import io
import json
import pathlib

import jsonschema
import pandas

HERE = pathlib.Path(__file__).resolve().parent
AGREED = "as agreed"


def save(name, why, clause, cases):
    """One scenario: a contract of one result, and contents with what is said of them."""
    contract = {"results": [{"name": "out", **clause}]}
    text = json.dumps(
        {
            "why": why,
            "contract": contract,
            "cases": [{"content": content, "expect": expect} for content, expect in cases],
        },
        indent=2,
        ensure_ascii=False,
    )
    (HERE / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def written(rows, **how):
    """`rows` as Python's csv module writes them."""
    out = io.StringIO()
    csv.writer(out, **how).writerows(rows)
    return out.getvalue()


def read(text):
    """`text` as Python's csv module reads it."""
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def tables():
    """CSV by Python's csv module, and by hand."""
    shape = {
        "columns": [
            {"name": "place, name", "type": "text", "max_chars": 20},
            {"name": "n", "type": "integer", "min": -5, "max": 10**12},
            {"name": "mean", "type": "number", "optional": True},
            {"name": "day", "type": "date"},
            {"name": "open", "type": "boolean"},
            {"name": "kind", "type": "word", "words": ["north", 'the "far" south', "a,b"]},
        ],
        "max_rows": 4,
    }
    header = [column["name"] for column in shape["columns"]]
    rows = [
        header,
        ["Zürich", 1, 0.1, "2026-11-30", True, "north"],
        ['say "hi"', -5, 1e-300, "2024-02-29", False, 'the "far" south'],
        ["東京, Tokyo", 10**12, "", "0001-01-01", True, "a,b"],
        ["-", 0, -1.7976931348623157e308, "9999-12-31", False, "north"],
    ]
    cases = [
        (written(rows), AGREED),
        (written(rows, lineterminator="\n"), AGREED),
        (written(rows, lineterminator="\n").removesuffix("\n"), AGREED),
        (written(rows[:1]), AGREED),
        (written([*rows, rows[1]]), "results[0].csv.max_rows"),
        (written(rows, delimiter=";"), "results[0].csv"),
        (written([header[:-1], *(row[:-1] for row in rows[1:])]), "results[0].csv"),
        (written([*rows[:2], [*rows[2], "more"]]), "results[0].csv"),
        ("\ufeff" + written(rows), "results[0].csv"),
    ]
    for content, expect in cases:
        if expect == AGREED:
            plain = [[str(cell) for cell in row] for row in rows]
            assert read(content) in (plain, plain[:1])
    save("csv-python", "tables as Python's csv module writes them", {"csv": shape}, cases)

    spoiled = [
        (0, "=1+1", "a formula"),
        (0, "two\nlines", "a line break"),
        (0, "x" * 21, "too long"),
        (0, "\u202edrawkcab", "turns the text around"),
        (0, "", "empty"),
        (1, "1.0", "no integer"),
        (1, "+1", "a sign that is not needed"),
        (1, "007", "zeros that are not needed"),
        (1, "-6", "too small"),
        (1, "9" * 19, "too large"),
        (1, " 1", "a space"),
        (1, "\u0661", "a digit of another script"),
        (2, "nan", "no number"),
        (2, "inf", "no number"),
        (2, "1e999", "no finite number"),
        (2, "0x10", "hexadecimal"),
        (2, "1,000", "a thousands mark"),
        (2, ".5", "no digit before the point"),
        (2, "0." + "1" * 31, "too many digits"),
        (3, "2026-02-29", "no day of the calendar"),
        (3, "2026-11-30T00:00", "a time too"),
        (3, "30.11.2026", "another notation"),
        (4, "yes", "no boolean"),
        (4, "true", "another spelling than in the rows above"),
        (5, "south", "none of the words"),
    ]
    cases = []
    for at, cell, _ in spoiled:
        row = list(rows[1])
        row[at] = cell
        cases.append((written([*rows[:3], row]), f"results[0].csv.columns[{at}]"))
    save("csv-spoiled", "one cell that is not as agreed", {"csv": shape}, cases)

    two = {
        "columns": [{"name": "a", "type": "text"}, {"name": "b", "type": "text", "optional": True}],
        "max_rows": 10,
    }
    cases = [
        ('a,b\n"x","y"\n"z",""\n', AGREED),
        ('a,b\nx,y\n"z",y\n', "results[0].csv.columns[0]"),
        ('a,b\nx,\nx,""\n', "results[0].csv.columns[1]"),
        ('a,b\nx"y,z\n', "results[0].csv"),
        ('a,b\n"x"y,z\n', "results[0].csv"),
        ('a,b\n"x"y",z\n', "results[0].csv"),
        ('a,b\n"x,y\n', "results[0].csv"),
        ("a,b\n\nx,y\n", "results[0].csv"),
        ("a,b\nx,y\n\n", "results[0].csv"),
        ("a,b\r\nx,y\n", "results[0].csv"),
        ("a,b\nx,y\rz,w\n", "results[0].csv"),
        ("a,b\nx,y\rz\n", "results[0].csv"),
        ("a,b\nx,y\r", "results[0].csv"),
        ("b,a\nx,y\n", "results[0].csv"),
        ("a,b,\nx,y,\n", "results[0].csv"),
        (" a,b\nx,y\n", "results[0].csv"),
        ("", "results[0].csv"),
        ("a\n", "results[0].csv"),
        ("a,b", AGREED),
    ]
    save("csv-strict", "what lenient readers read each in their way", {"csv": two}, cases)


def frames():
    """CSV by pandas."""
    shape = {
        "columns": [
            {"name": "region", "type": "word", "words": ["north", "south"]},
            {"name": "n", "type": "integer"},
            {"name": "mean", "type": "number", "decimals": 2, "optional": True},
            {"name": "since", "type": "date"},
            {"name": "open", "type": "boolean"},
        ],
        "max_rows": 100,
        "min_group_size": {"column": "n", "at_least": 10},
    }
    frame = pandas.DataFrame(
        {
            "region": ["north", "south"],
            "n": [10, 2**40],
            "mean": [1.5, None],
            "since": pandas.to_datetime(["2026-01-01", "2026-11-30"]),
            "open": [True, False],
        }
    )
    small = frame.assign(n=[10, 9])
    cases = [
        (frame.to_csv(index=False), AGREED),
        (frame.to_csv(index=False, lineterminator="\r\n"), AGREED),
        (frame.to_csv(index=False, quoting=csv.QUOTE_ALL), AGREED),
        (frame.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC), AGREED),
        (frame.to_csv(index=False, float_format="%.2f"), AGREED),
        (frame.to_csv(), "results[0].csv"),
        (frame.to_csv(index=False, sep=";"), "results[0].csv"),
        (frame.to_csv(index=False, header=False), "results[0].csv"),
        (frame.to_csv(index=False, float_format="%.3f"), "results[0].csv.columns[2]"),
        (frame.assign(mean=1e-5).to_csv(index=False), "results[0].csv.columns[2]"),
        (frame.assign(n=[10.0, None]).to_csv(index=False), "results[0].csv.columns[1]"),
        (frame.assign(mean=float("inf")).to_csv(index=False), "results[0].csv.columns[2]"),
        (small.to_csv(index=False), "results[0].csv.min_group_size"),
    ]
    save("csv-pandas", "tables as pandas writes them", {"csv": shape}, cases)

    floats = pandas.DataFrame({"x": [0.1, 1e-300, 1e22, 5e-324, -2.5, 1 / 3, 123456789.0, 0.0]})
    shape = {"columns": [{"name": "x", "type": "number"}], "max_rows": 8}
    cases = [(floats.to_csv(index=False), AGREED)]
    save("csv-floats", "numbers as pandas writes them", {"csv": shape}, cases)


SCHEMAS = {
    "types": (
        {"type": ["integer", "string", "null"]},
        [1, 1.0, 1e30, -0.0, 1.5, "", None, True, False, [], {}],
    ),
    "enum": (
        {"enum": [1, "a", None, [1, {"b": 2}], {"c": [True]}]},
        [1, 1.0, "a", "A", None, [1, {"b": 2}], [1.0, {"b": 2.0}], [1], {"c": [True]}, {"c": [1]}],
    ),
    "const": ({"const": False}, [False, 0, None, "", True]),
    "properties": (
        {
            "type": "object",
            "properties": {"n": {"type": "integer"}, "s": {"type": "string"}, "never": False},
            "required": ["n"],
            "additionalProperties": False,
        },
        [
            {"n": 1},
            {"n": 1, "s": ""},
            {"s": ""},
            {"n": "1"},
            {"n": 1, "x": 1},
            {},
            [],
            1,
            {"n": 1, "never": None},
        ],
    ),
    "maps": (
        {
            "type": "object",
            "propertyNames": {"pattern": "^[a-z]+$", "maxLength": 3},
            "additionalProperties": {"type": "number", "minimum": 0},
            "minProperties": 1,
            "maxProperties": 2,
        },
        [
            {},
            {"a": 1},
            {"abc": 0},
            {"abcd": 1},
            {"A": 1},
            {"a": -1},
            {"a": 1, "b": 2},
            {"a": 1, "b": 2, "c": 3},
            {"": 1},
        ],
    ),
    "arrays": (
        {
            "type": "array",
            "prefixItems": [{"type": "string"}, {"type": "integer"}],
            "items": {"type": "boolean"},
            "minItems": 1,
            "maxItems": 4,
        },
        [
            [],
            ["a"],
            ["a", 1],
            ["a", 1, True],
            ["a", 1, 1],
            [1],
            ["a", "b"],
            ["a", 1, True, False],
            ["a", 1, True, False, True],
        ],
    ),
    "closed-tuple": (
        {"type": "array", "prefixItems": [{"type": "integer"}], "items": False},
        [[], [1], [1, 2], ["a"]],
    ),
    "unique": (
        {"type": "array", "items": True, "uniqueItems": True},
        [
            [],
            [1, 2],
            [1, 1],
            [1, 1.0],
            [1, True],
            [0, False],
            [{"a": 1, "b": 2}, {"b": 2, "a": 1}],
            [[1], [1]],
            [[1], [2]],
            ["a", "b", "a"],
            [None, None],
            [{"a": 1}, {"a": 2}],
        ],
    ),
    "bounds": (
        {"type": "number", "minimum": -1.5, "exclusiveMaximum": 3},
        [-1.5, -1.6, 2.9999999999999996, 3, 3.0, 0, 1e300, -1e300, 2**63, -(2**63), 2**64],
    ),
    "exclusive": ({"type": "number", "exclusiveMinimum": 0, "maximum": 10}, [0, 5e-324, 10, 11]),
    "multiples": (
        {"type": "number", "multipleOf": 7},
        [0, 7, -14, 8, 7.0, 3.5, 7e15, 9223372036854775807, 9223372036854775800],
    ),
    "lengths": (
        {"type": "string", "minLength": 2, "maxLength": 3},
        ["", "a", "ab", "abc", "abcd", "éé", "😀😀😀", "😀", "😀😀😀😀"],
    ),
    "patterns": (
        {"type": "string", "pattern": "^(?:[A-Z]{2}-\\d{1,3}|none)$"},
        ["CH-1", "CH-1234", "none", "ch-1", "none ", "", "xCH-1"],
    ),
    "pattern-anywhere": ({"type": "string", "pattern": "b+"}, ["abc", "bb", "ac", ""]),
    "all": (
        {"type": "integer", "allOf": [{"minimum": 2}, {"maximum": 4}]},
        [1, 2, 3, 4, 5, 2.5],
    ),
    "any": (
        {"anyOf": [{"type": "integer", "minimum": 2}, {"type": "string", "maxLength": 1}]},
        [1, 2, "", "ab", None],
    ),
    "one": (
        {"type": "integer", "oneOf": [{"multipleOf": 2}, {"multipleOf": 3}, {"multipleOf": 5}]},
        [1, 2, 3, 4, 6, 30, 25],
    ),
    "branches": (
        {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "additionalProperties": False,
            "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
        },
        [{"a": 1}, {"b": 1}, {"a": 1, "b": 1}, {}, {"c": 1}],
    ),
    "references": (
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$defs": {
                "share": {"type": "number", "minimum": 0, "maximum": 1},
                "pair": {"type": "array", "items": {"$ref": "#/$defs/share"}, "maxItems": 2},
            },
            "type": "object",
            "properties": {"p": {"$ref": "#/$defs/pair"}, "q": {"$ref": "#/$defs/share"}},
            "additionalProperties": {"$ref": "#/$defs/share", "exclusiveMaximum": 1},
        },
        [
            {},
            {"p": [0, 1]},
            {"p": [2]},
            {"q": 1},
            {"q": -1},
            {"r": 1},
            {"r": 0.5},
            {"p": [0, 0, 0]},
        ],
    ),
    "names-to-escape": (
        {
            "type": "object",
            "properties": {"a/b": {"type": "integer"}, "c~d": {"type": "integer"}, "é\n": True},
            "additionalProperties": False,
        },
        [{"a/b": 1}, {"a/b": "1"}, {"c~d": 1}, {"é\n": None}, {"e": 1}],
    ),
    "ignores-other-types": (
        {"type": ["string", "integer", "null"], "maxLength": 1, "minimum": 5, "pattern": "a"},
        ["a", "b", 5, 4, None],
    ),
    "true": (True, [1, None, {"a": []}]),
    "false": (False, [1, None, {}]),
}


def schemas():
    """JSON with the verdicts of jsonschema."""
    for name, (schema, values) in SCHEMAS.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema)
        cases = []
        for value in values:
            expect = AGREED if validator.is_valid(value) else "results[0].json"
            for how in ({}, {"separators": (",", ":")}, {"ensure_ascii": False}):
                case = (json.dumps(value, **how), expect)
                if case not in cases:
                    cases.append(case)
        clause = {"max_bytes": 10_000, "json": schema}
        save(f"schema-{name}", "verdicts of the Python package jsonschema", clause, cases)


def spellings():
    """JSON as it may be written, and as it may not."""
    good = [
        '{"a": 1, "b": [1, 2]}',
        '{"a":1,"b":[1,2]}',
        '{"a": 1}\n',
        '"\\u00e9\\ud83d\\ude00"',
        '"é😀"',
        '"\\n\\t\\"\\\\\\u0001"',
        "[0, -1, 1.5, 1e-05, 1e+16, 1.5e+300, 0.1, -0.0, 123.0, 18446744073709551615]",
        json.dumps([0.1 + 0.2, 1 / 3, 5e-324, 1.7976931348623157e308, 2.0**60, 1e16, 123456.789]),
        "[]",
        "{}",
        "[[], {}]",
    ]
    bad = [
        ' {"a": 1}',
        '{"a": 1} ',
        '{"a": 1}\n\n',
        '{"a": 1}\r\n',
        '{ "a": 1}',
        '{"a" : 1}',
        '{"a": 1 }',
        '{"a":  1}',
        '{"a":\t1}',
        '{"a": 1,"b":2}',
        "[1, 2,3]",
        json.dumps({"a": [1]}, indent=2),
        '"\\u0061"',
        '"\\/"',
        '"\\u0022"',
        '"é\\u00e9"',
        '{"a": 1, "a": 1}',
        '{"a": 1, "\\u0061": 1}',
        '{"x": {"b": 1, "c": 2, "b": 3}}',
        "1.0000000000000000000000001",
        "1.50",
        "10e5",
        "1e0000000005",
        "12345678901234567890123",
        "1e999",
        "-",
        "01",
        "NaN",
        "Infinity",
        "[1,]",
        "[1",
        "1 2",
        "",
        "\ufeff1",
        "'a'",
        '"\\ud800"',
        '"a\tb"',
    ]
    cases = [(text, AGREED) for text in good]
    cases += [(text, "results[0].json") for text in bad]
    save(
        "json-spelling",
        "one value has few texts: no room in white space, escapes, digits and repeated keys",
        {"max_bytes": 10_000, "json": True},
        cases,
    )


tables()
frames()
schemas()
spellings()
