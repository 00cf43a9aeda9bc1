"""What honest programs do."""

import asyncio, concurrent.futures, multiprocessing, os, shutil, sqlite3, subprocess, tempfile, threading
import numpy as np, scipy.stats, matplotlib, matplotlib.pyplot as plt, pandas as pd
from sealroom import Enclave


def square(n):
    return n * n


async def work():
    process = await asyncio.create_subprocess_exec(
        "/bin/echo", "hi", stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return out


with Enclave() as enclave:
    plt.plot([1, 2, 3])
    plt.savefig("plot.png")
    assert np.linalg.svd(np.random.rand(300, 300))[1].shape == (300,)
    assert scipy.stats.norm.cdf(0) == 0.5
    assert subprocess.run(["ls", "."], stdout=subprocess.PIPE).returncode == 0
    assert asyncio.run(work()) == b"hi\n"
    if os.getpid() == 2:  # without a root of its own, a run has no /dev/shm for locks
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert pool.map(square, [1, 2]) == [1, 4]
        lock = multiprocessing.Lock()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(".", folder + "/copy", ignore=shutil.ignore_patterns("tmp*"))
        shutil.copy2("run.py", folder)
    base = sqlite3.connect("x.db")
    base.execute("create table t(a)")
    base.commit()
    enclave.write(open("plot.png", "rb"))
