# run.py

from io import BytesIO
from typing import Iterator
from cosmian_lib_sgx import Enclave
import pandas as pd

def convert_input(datas):
    """
    Transform input data bytes to pandas DataFrame.
    """
    for data in datas:
        yield pd.read_csv(data)

def main():
    with Enclave() as enclave:
        """
        🔒 Everything that happens here will be executed in a Trusted Execution Environment.
        """

        # Import your encrypted module
        import secret_module

        # Convert input data bytes from the Data Provider
        datas = convert_input(enclave.read())
        data = next(datas)

        # Apply your secret function coded by the Code Provider
        dataframe = secret_module.secret_function(data)

        # Convert output result to bytes
        result = dataframe.to_csv().encode("utf-8")

        # Write result for the Result Consumer
        enclave.write(result)
    return 0


if __name__ == "__main__":
    main()
