"""Reads a large file in several ways and tells how fast."""

import resource, time
from sealroom import Enclave

with Enclave() as enclave:
    for size in (1 << 20, 1 << 18, 1 << 16, 1 << 13):
        data = next(enclave.read())
        start, total = time.perf_counter(), 0
        while total < (1 << 30 if size < 1 << 20 else 2 << 30):
            total += len(data.read(size))
        print("%7d bytes a read: %.2f GB/s" % (size, total / 1e9 / (time.perf_counter() - start)))
    data.seek(0)
    buffer = bytearray(1 << 20)
    start, total = time.perf_counter(), 0
    while total < 1 << 30:
        total += data.readinto(buffer)
    print("readinto: %.2f GB/s" % (total / 1e9 / (time.perf_counter() - start)))
    start = time.perf_counter()
    for n in range(1000):
        data.seek(n * 2000003)
        assert data.read(100)[0] == (n * 2000003 >> 20) & 255 or n
    print("random read: %.0f us" % ((time.perf_counter() - start) * 1e3))
    print("peak %d KiB" % resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
