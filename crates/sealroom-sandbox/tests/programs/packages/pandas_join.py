"""pandas joins the tables of two providers and sums up.

Inputs: data/patients.csv of the first provider, data/visits.csv of the second.
Result: wards.csv.
"""

import csv, io, collections
import pandas as pd
from sealroom import Enclave

with Enclave() as enclave:
    patients = pd.read_csv(next(enclave.read(0)))
    visits = pd.read_csv(next(enclave.read(1)), parse_dates=["day"])
    assert len(patients) == 40 and len(visits) == 150
    joined = patients.merge(visits, on="patient", how="inner")
    # Three of 43 patients with visits are unknown to the first provider.
    assert joined["patient"].nunique() == 40 and len(joined) == 140, len(joined)
    outer = patients.merge(visits, on="patient", how="outer", indicator=True)
    assert (outer["_merge"] == "right_only").sum() == 10
    wards = joined.groupby("ward").agg({"patient": "nunique", "cost": "sum", "day": "max"})
    wards = wards.rename(columns={"patient": "patients", "day": "last"})
    wards["cost"] = wards["cost"].round(2)

    # The same without pandas, in cents.
    def rows(n):
        return csv.DictReader(io.TextIOWrapper(next(enclave.read(n)), "utf-8"))

    ward_of = {row["patient"]: row["ward"] for row in rows(0)}
    cents = collections.Counter()
    for row in rows(1):
        if row["patient"] in ward_of:
            cents[ward_of[row["patient"]]] += int(row["cost"].replace(".", ""))
    assert (wards["cost"] * 100).round().astype(int).to_dict() == dict(cents), (wards, cents)
    monthly = joined.set_index("day")["cost"].resample("MS").sum()
    assert len(monthly) == 12 and abs(monthly.sum() - sum(cents.values()) / 100) < 1e-6
    enclave.write(wards.to_csv().encode(), name="wards.csv")
