"""Everything that code of 2022 could ask of `cosmian_lib_sgx`, but for what needed a key."""

import contextlib, enum, importlib, inspect, io, os, pathlib, sys
import cosmian_lib_sgx
from cosmian_lib_sgx import Enclave, InputData, KeyInfo, OutputData, Side, UserError
from cosmian_lib_sgx import (
    enclave as a,
    error as b,
    key_info as c,
    reader as d,
    side as e,
    writer as f,
)


def raises(kind, call, *arguments):
    try:
        call(*arguments)
    except kind as error:
        return str(error)
    raise AssertionError("no %s" % kind.__name__)


names = ["Enclave", "InputData", "KeyInfo", "OutputData", "Side", "UserError"]
assert cosmian_lib_sgx.__all__ == names
homes = (a.Enclave, d.InputData, c.KeyInfo, f.OutputData, e.Side, b.UserError)
assert homes == (Enclave, InputData, KeyInfo, OutputData, Side, UserError)
assert issubclass(Side, enum.Enum)
assert [(side.name, side.value) for side in Side] == [
    ("Enclave", 1),
    ("CodeProvider", 2),
    ("DataProvider", 3),
    ("ResultConsumer", 4),
]
errors = (b.CryptoError, b.InternalError, b.SGXError, b.SecurityError, b.UserError)
assert all(error.__mro__[1] is Exception for error in errors)
for absent in ("args", "crypto_lib", "import_hook", "utils"):
    raises(ModuleNotFoundError, importlib.import_module, "cosmian_lib_sgx." + absent)

enclave = Enclave()
uuid = bytes.fromhex("0f0e0d0c0b0a09080706050403020100")
assert enclave.computation_uuid == uuid
assert list(enclave.keys) == [Side.CodeProvider, Side.DataProvider, Side.ResultConsumer]
pubkeys = {side: [key.pubkey for key in enclave.keys[side]] for side in enclave.keys}
vector = bytes.fromhex("29acbae141bccaf0b22e1a94d34d0bc7361e526d0bfe12c89794bc9322966dd7")
assert pubkeys == {
    Side.CodeProvider: [b"\xc0" * 32],
    Side.DataProvider: [b"\xd0" * 32, vector, b"\xd2" * 32],
    Side.ResultConsumer: [b"\xe0" * 32, b"\xe1" * 32],
}, pubkeys
key = enclave.keys[Side.DataProvider][1]
assert isinstance(key, KeyInfo) and key.fingerprint == "d591c54848a4a192"
assert type(key.pubkey) is bytes and key.computation_uuid == uuid
assert sorted(vars(key)) == ["computation_uuid", "fingerprint", "pubkey"]
for secret in ("psk", "seal_box", "sig", "signed_seal_box"):
    assert not hasattr(key, secret)
    words = raises(AttributeError, getattr, key, secret)
    assert words == "KeyInfo has no `%s`: keys never reach the code of a run" % secret
assert "other" in raises(AttributeError, getattr, key, "other")
assert "keys never reach" in raises(UserError, KeyInfo.from_path, uuid, pathlib.Path("key"))

root = pathlib.Path.cwd()
assert enclave.root_path == root and root.is_absolute()
reader, writer = enclave.input_data, enclave.output_data
assert type(reader) is InputData and type(writer) is OutputData
assert reader.keys is enclave.keys[Side.DataProvider] and reader.root_path == root
assert writer.keys is enclave.keys[Side.ResultConsumer] and writer.root_path == root
assert (reader.input_path, writer.output_path) == (root / "data", root / "result")
assert not reader.input_path.exists() and not writer.output_path.exists()
assert writer.debug is False
assert "clear" in raises(UserError, OutputData, root, enclave.keys, True)
again = InputData(root_path=root, keys=enclave.keys), OutputData(root_path=root, keys=enclave.keys)

assert isinstance(enclave, contextlib.ContextDecorator)
with enclave as entered:
    assert entered is enclave
assert inspect.isgenerator(enclave.read())
for read in (enclave.read, reader.read, again[0].read):
    assert [[f.read() for f in read(n)] for n in (None, 0, 1, 2)] == [
        [b"one", b"two", b"three"],
        [b"one", b"three"],
        [b"two"],
        [],
    ]
assert [f.read() for f in enclave.read(n=True)] == [b"two"]
assert all(isinstance(f, io.BytesIO) and f.tell() == 0 for f in enclave.read())
for bad in (-1, 3):
    waiting = enclave.read(bad)
    raises(UserError, next, waiting)
    raises(UserError, enclave.write, b"", bad)
    raises(UserError, writer.write, "text", bad)
for wrong in ("text", None, io.StringIO("text"), 7):
    raises(TypeError, enclave.write, wrong)
part = io.BytesIO(b"skipped, written")
part.seek(9)
assert enclave.write(b"replaced") is None
enclave.write(part)
assert part.read() == b""
writer.write(bytearray(b"for the second"), 1)
again[1].write(data=b"", n=0)


@Enclave()
def decorated(word, *, times):
    """Keep this."""
    return word * times


assert decorated("x", times=2) == decorated("x", times=2) == "xx"
assert (decorated.__name__, decorated.__doc__) == ("decorated", "Keep this.")


class Escapes(Exception):
    pass


def escape():
    with Enclave():
        raise Escapes


raises(Escapes, escape)
raises(Escapes, Enclave()(escape))

assert sys.argv == ["run.py"] and os.environ["RUN"] == "1"
assert sys.path[0] == str(root) and (root / "run.py").is_file()
print("as in 2022")
