"""pandas, and parquet where pyarrow is installed."""

import io
import numpy as np, pandas as pd

rng = np.random.default_rng(2)
count = 200_000
sales = pd.DataFrame(
    {
        "shop": rng.integers(0, 500, count),
        "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 365, count), unit="D"),
        "price": rng.random(count).round(2),
    }
)
shops = pd.DataFrame({"shop": range(500), "town": [f"town {n % 40}" for n in range(500)]})
joined = sales.merge(shops, on="shop", how="left")
assert len(joined) == count and joined["town"].notna().all()
by_town = joined.groupby("town")["price"].agg(["sum", "mean", "count"])
assert by_town["count"].sum() == count and np.isclose(by_town["sum"].sum(), sales["price"].sum())
pivot = joined.pivot_table(
    index=joined["day"].dt.month, columns="town", values="price", aggfunc="sum"
)
assert pivot.shape == (12, 40)
assert joined.sort_values(["day", "price"])["day"].is_monotonic_increasing
monthly = joined.set_index("day")["price"].resample("MS").sum()
assert len(monthly) == 12
assert pd.read_csv(io.StringIO(by_town.to_csv()), index_col=0).equals(
    by_town.reset_index().set_index("town")
)
by_town.to_pickle("table.pickle")
assert pd.read_pickle("table.pickle").equals(by_town)
try:
    import pyarrow.dataset
except ImportError:
    pass
else:
    joined.to_parquet("table.parquet")
    assert pd.read_parquet("table.parquet", columns=["price"])["price"].equals(joined["price"])
    joined.to_parquet("parts", partition_cols=["town"])
    some = pyarrow.dataset.dataset("parts", partitioning="hive").to_table(
        filter=pyarrow.dataset.field("town") == "town 7"
    )
    assert some.num_rows == by_town.loc["town 7", "count"]
