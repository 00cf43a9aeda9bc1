"""Two hospitals, one model: what everybody may read. The method is in the sealed package."""

import json

import pandas as pd
from sealroom import Enclave


def main():
    with Enclave() as enclave:
        import riskmodel

        tables = [pd.read_csv(table) for table in enclave.read()]
        model = riskmodel.fit(pd.concat(tables, ignore_index=True))
        # The drug maker gets the numbers, and both hospitals and it get the picture.
        enclave.write(json.dumps(model.summary(), indent=2).encode(), 0, name="model.json")
        enclave.write(model.plot(), name="model.png")


if __name__ == "__main__":
    main()
