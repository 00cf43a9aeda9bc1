"""Reads the files of make_files with every library that takes files."""

import csv, gzip, io, json, pickle, shutil, sqlite3, sys, zipfile, tarfile, hashlib, copy
import numpy as np, pandas as pd, pyarrow.csv, pyarrow.parquet
from sealroom import Enclave

with Enclave() as enclave:
    # Results are kept by name: csv db gz json npy npz parquet pickle tar zip, small and large of each.
    kinds = ["csv", "db", "gz", "json", "npy", "npz", "parquet", "pickle", "tar", "zip"]
    files = list(enclave.read())
    assert len(files) == 20
    for number, data in enumerate(files):
        kind, size = kinds[number // 2], (100, 200_000)[number % 2]

        def again():
            data.seek(0)
            return data

        def frame(f):
            assert len(f) == size and f["a"].sum() == sum(range(size)), (kind, size)

        if kind == "csv":
            frame(pd.read_csv(again()))
            frame(pd.read_csv(again(), engine="python"))
            frame(pd.read_csv(again(), engine="pyarrow"))
            frame(pyarrow.csv.read_csv(again()).to_pandas())
            text = io.TextIOWrapper(io.BufferedReader(again()), "utf-8")
            assert len(list(csv.reader(text))) == size + 1
            text.detach().detach()
            assert sum(1 for line in again()) == size + 1
            frame(pd.read_csv(data.as_path()))
            assert len(np.loadtxt(again(), delimiter=",", skiprows=1)) == size
            digest = hashlib.sha256(data.getvalue()).hexdigest()
            if sys.version_info >= (3, 11):
                assert hashlib.file_digest(again(), "sha256").hexdigest() == digest
            with open("copy", "wb") as f:
                shutil.copyfileobj(again(), f)
            assert hashlib.sha256(open("copy", "rb").read()).hexdigest() == digest
            assert hashlib.sha256(copy.copy(again()).read()).hexdigest() == digest
            assert hashlib.sha256(pickle.loads(pickle.dumps(again())).read()).hexdigest() == digest
        if kind == "db":
            base = sqlite3.connect(data.as_path())
            assert base.execute("select count(*) from t").fetchone() == (size,)
            if hasattr(base, "deserialize"):
                base = sqlite3.connect(":memory:")
                base.deserialize(data.getvalue())
                assert base.execute("select count(*) from t").fetchone() == (size,)
        if kind == "gz":
            frame(pd.read_csv(gzip.open(again())))
            frame(pd.read_csv(again(), compression="gzip"))
        if kind == "json":
            assert json.load(again()) == list(range(size))
            pd.read_json(again())
        if kind == "npy":
            assert np.load(again()).sum() == sum(range(size))
            assert np.frombuffer(data.getbuffer(), "i8", offset=128).sum() == sum(range(size))
        if kind == "npz":
            assert np.load(again())["x"].sum() == sum(range(size))
        if kind == "parquet":
            frame(pd.read_parquet(again()))
            frame(pyarrow.parquet.read_table(again()).to_pandas())
        if kind == "pickle":
            assert pickle.load(again()) == list(range(size))
            pd.read_pickle(again())
        if kind == "tar":
            assert tarfile.open(fileobj=again()).getnames() == ["z"]
        if kind == "zip":
            frame(pd.read_csv(zipfile.ZipFile(again()).open("t.csv")))
            frame(pd.read_csv(again(), compression="zip"))
        data.close()
    print("all read")
