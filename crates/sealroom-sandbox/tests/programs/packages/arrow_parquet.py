"""pyarrow keeps tables as parquet and feather, whole and in parts. Not for focal, which has no pyarrow.

Input: data/visits.csv.
Result: visits.parquet.
"""

import io
import pandas as pd, pyarrow as pa, pyarrow.compute as pc, pyarrow.csv, pyarrow.dataset as ds
import pyarrow.feather, pyarrow.parquet as pq
from sealroom import Enclave

with Enclave() as enclave:
    visits = pyarrow.csv.read_csv(next(enclave.read()))
    assert visits.num_rows == 150 and visits.schema.field("day").type == pa.date32(), visits.schema
    total = pc.sum(visits["cost"]).as_py()
    by_patient = visits.group_by("patient").aggregate([("cost", "sum"), ("cost", "count")])
    assert by_patient.num_rows == 43 and abs(pc.sum(by_patient["cost_sum"]).as_py() - total) < 1e-6

    for compression in ("none", "snappy", "gzip", "brotli", "zstd", "lz4"):
        pq.write_table(visits, "visits.parquet", compression=compression, row_group_size=40)
        assert pq.read_table("visits.parquet").equals(visits), compression
    file = pq.ParquetFile("visits.parquet")
    assert file.num_row_groups == 4 and file.read_row_group(3).num_rows == 30
    assert file.metadata.row_group(0).column(2).statistics.min >= 20
    pyarrow.feather.write_feather(visits, "visits.feather")
    assert pyarrow.feather.read_table("visits.feather").equals(visits)

    month = pc.month(visits["day"])
    ds.write_dataset(
        visits.append_column("month", month),
        "parts",
        format="parquet",
        partitioning=ds.partitioning(pa.schema([("month", pa.int64())]), flavor="hive"),
    )
    parts = ds.dataset("parts", partitioning="hive")
    march = parts.to_table(filter=(ds.field("month") == 3) & (ds.field("cost") > 100))
    truth = visits.filter(pc.and_(pc.equal(month, 3), pc.greater(visits["cost"], 100)))
    assert len(parts.files) == 12 and march.num_rows == truth.num_rows > 0

    frame = visits.to_pandas()
    assert pd.read_parquet("visits.parquet").equals(frame) and len(frame) == 150
    out = io.BytesIO()
    frame.to_parquet(out)
    again = pq.read_table(io.BytesIO(out.getvalue()))
    assert again.column_names == ["patient", "day", "cost"]
    enclave.write(out.getvalue(), name="visits.parquet")
