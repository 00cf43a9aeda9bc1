"""numpy and scipy, with threads of their own and of ours."""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "4"

import concurrent.futures
import numpy as np, scipy.linalg, scipy.optimize, scipy.sparse.linalg, scipy.stats

rng = np.random.default_rng(1)
a = rng.standard_normal((600, 600))
assert np.allclose(a @ np.linalg.inv(a), np.eye(600), atol=1e-6)
u, s, v = np.linalg.svd(a)
assert np.allclose(u * s @ v, a)
q, r = scipy.linalg.qr(a)
assert np.allclose(q @ r, a)


def largest(seed):
    b = np.random.default_rng(seed).standard_normal((200, 200))
    return float(np.abs(np.linalg.eigvals(b)).max())


with concurrent.futures.ThreadPoolExecutor(4) as pool:
    found = list(pool.map(largest, range(12)))
assert found == [largest(seed) for seed in range(12)]

sparse = scipy.sparse.random_array((500, 500), density=0.01, rng=rng) + scipy.sparse.eye_array(500)
x = scipy.sparse.linalg.spsolve(sparse.tocsc(), np.ones(500))
assert np.allclose(sparse @ x, 1)
best = scipy.optimize.minimize(lambda p: ((p - 3) ** 2).sum(), np.zeros(4))
assert np.allclose(best.x, 3, atol=1e-4)
assert scipy.stats.norm.cdf(0) == 0.5
threads = (
    [line for line in open("/proc/self/status") if line.startswith("Threads")]
    if os.getpid() == 2
    else []
)
assert not threads or int(threads[0].split()[1]) > 1, threads
