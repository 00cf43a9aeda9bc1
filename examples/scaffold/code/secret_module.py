"""Nobody but the enclave can read this file: put what is yours here."""

import pandas as pd


def summarize(tables):
    """Counts patients and averages their stay for each ward, over all tables together."""
    together = pd.concat(tables, ignore_index=True)
    wards = together.groupby("ward")["days"].agg(["count", "mean"])
    return wards.rename(columns={"count": "patients", "mean": "average_days"}).reset_index()
