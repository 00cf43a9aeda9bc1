"""Work on tables, in one process; prints the seconds of processor time that it took.

`REPEAT` is set by jail.sh's program, which runs this.
"""

import ctypes
import os
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd

# Whether the C library gives memory back after each step, to fault it in again in the next,
# depends on how its heap happens to lie: runs without any jail differ by a tenth because of it.
# So it keeps what it has (M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of mallopt(3)).
for option in (-1, -3):
    ctypes.CDLL(None).mallopt(option, 1 << 30)

repeat = globals().get("REPEAT", 1)
dice = np.random.RandomState(1)
rows = 200_000
people = pd.DataFrame(
    {
        "id": np.arange(rows),
        "town": dice.randint(0, 500, rows),
        "age": dice.randint(0, 100, rows),
        "income": dice.rand(rows) * 1e5,
    }
)
towns = pd.DataFrame({"town": np.arange(500), "region": ["r%d" % (n % 17) for n in range(500)]})
total = 0.0
for _ in range(repeat):
    joined = people.merge(towns, on="town")
    by_region = joined.groupby(["region", "age"])["income"].mean()
    ordered = joined.sort_values(["income", "id"])
    text = ordered.head(2000).to_csv()
    total += float(by_region.sum()) + len(text)
if not total > 0:
    raise SystemExit("there is no sum")
print(time.process_time())
