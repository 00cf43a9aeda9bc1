"""Makes one file of each kind, small and large."""

import csv, gzip, io, json, pickle, sqlite3, zipfile, tarfile
import numpy as np, pandas as pd
from sealroom import Enclave

with Enclave() as enclave:
    for size in (100, 200_000):
        frame = pd.DataFrame({"a": range(size), "b": [str(n) for n in range(size)]})

        def give(name, write):
            file = io.BytesIO()
            write(file)
            file.seek(0)
            enclave.write(file, name="%s-%d" % (name, size))

        text = frame.to_csv(index=False).encode()
        give("csv", lambda f: f.write(text))
        give("gz", lambda f: f.write(gzip.compress(text, 0)))
        give("parquet", lambda f: frame.to_parquet(f))
        give("pickle", lambda f: pickle.dump(list(range(size)), f))
        give("json", lambda f: f.write(json.dumps(list(range(size))).encode()))
        give("npy", lambda f: np.save(f, np.arange(size)))
        give("npz", lambda f: np.savez(f, x=np.arange(size)))
        with zipfile.ZipFile("z", "w") as z:
            z.writestr("t.csv", text)
        give("zip", lambda f: f.write(open("z", "rb").read()))
        with tarfile.open("t", "w") as t:
            t.add("z")
        give("tar", lambda f: f.write(open("t", "rb").read()))
        base = sqlite3.connect("s.db")
        base.execute("drop table if exists t")
        base.execute("create table t(a, b)")
        base.executemany("insert into t values(?, ?)", frame.values.tolist())
        base.commit()
        base.close()
        give("db", lambda f: f.write(open("s.db", "rb").read()))
