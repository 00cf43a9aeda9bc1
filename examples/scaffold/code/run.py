"""Everybody can read this file: it says what goes in and what comes out."""

import pandas as pd
from sealroom import Enclave


def main():
    with Enclave() as enclave:
        # Sealed: only the enclave reads it.
        import secret_module

        # The files of all data providers, in the order in which they were pushed.
        tables = [pd.read_csv(table) for table in enclave.read()]
        result = secret_module.summarize(tables)

        # For every result consumer.
        enclave.write(result.to_csv(index=False).encode(), name="summary.csv")


if __name__ == "__main__":
    main()
