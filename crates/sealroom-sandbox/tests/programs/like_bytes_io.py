"""Compares each input, call by call, with a true BytesIO of the same content."""

import io, random
from sealroom import Enclave


def calls(random, size):
    for _ in range(400):
        where = random.randrange(-10, size + 10)
        count = random.choice([-1, None, 0, 1, 10, 70000, 300000, size])
        yield random.choice(
            [
                lambda f: f.read(count),
                lambda f: f.read(100),
                lambda f: f.read1(count),
                lambda f: f.readline(),
                lambda f: f.readline(5),
                lambda f: f.readline(count),
                lambda f: f.seek(max(where, 0)),
                lambda f: f.seek(-1, 2),
                lambda f: f.seek(-100, 1),
                lambda f: f.tell(),
                lambda f: into(f.readinto, 1000),
                lambda f: into(f.readinto1, 99),
                lambda f: f.readlines(1000),
                lambda f: next(f, None),
                lambda f: f.getvalue()[:9],
                lambda f: (f.readable(), f.writable(), f.seekable(), f.isatty(), f.closed),
            ]
        )


def into(read, size):
    buffer = bytearray(size)
    return read(buffer), bytes(buffer)


with Enclave() as enclave:
    for data in enclave.read():
        assert isinstance(data, io.BytesIO) and data.tell() == 0
        plain = io.BytesIO(data.read())
        assert data.tell() == len(plain.getvalue())
        data.seek(0)
        seeded = random.Random(1)
        for number, call in enumerate(calls(seeded, len(plain.getvalue()))):
            state = seeded.getstate()
            got, want = call(data), call(plain)
            assert got == want, (number, got, want)
            assert data.tell() == plain.tell(), number
        for bad in (lambda f: f.seek(-1), lambda f: f.seek(0, 9)):
            for f in (data, plain):
                try:
                    bad(f)
                except ValueError as e:
                    text = str(e)
                else:
                    raise AssertionError
        for f in (data, plain):
            try:
                f.fileno()
            except io.UnsupportedOperation:
                pass
            assert not hasattr(f, "name") and not hasattr(f, "mode")
        data.seek(3)
        plain.seek(3)
        data.write(b"XY")
        plain.write(b"XY")
        assert data.getvalue() == plain.getvalue() and data.tell() == plain.tell()
        assert data.truncate(7) == plain.truncate(7) and data.getvalue() == plain.getvalue()
        data.close()
        plain.close()
        for f in (data, plain):
            for use in (
                f.read,
                f.readline,
                f.tell,
                lambda: f.seek(0),
                f.getvalue,
                f.getbuffer,
                lambda: next(iter(f)),
            ):
                try:
                    use()
                except ValueError:
                    pass
                else:
                    raise AssertionError((f, use))
    print("alike")
