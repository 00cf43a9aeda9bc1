"""The reference example as one account runs it that is everybody: prints the result.

python reference_example.py EMAIL TOKEN CODE_FOLDER DATA_FILE
"""

import sys
from pathlib import Path

from cosmian_secure_computation_client import (
    CodeProviderAPI,
    ComputationOwnerAPI,
    CryptoContext,
    DataProviderAPI,
    ResultConsumerAPI,
    Side,
)


def main():
    """Goes through every step, in the order of the client's own documentation."""
    email, token, code_folder, data_file = sys.argv[1:]

    # The owner names the participants, and tells them three words.
    owner = ComputationOwnerAPI(token)
    words = owner.random_words()
    uuid = owner.create_computation(
        "reference example",
        code_provider_email=email,
        data_providers_emails=[email],
        result_consumers_emails=[email],
        dev_mode=False,
    ).uuid

    # Everybody registers.
    code = CodeProviderAPI(token, CryptoContext(uuid, Side.CodeProvider, words))
    data = DataProviderAPI(token, CryptoContext(uuid, Side.DataProvider, words))
    consumer = ResultConsumerAPI(token, CryptoContext(uuid, Side.ResultConsumer, words))
    for participant in (code, data, consumer):
        participant.register(uuid)

    # The code makes the enclave, the enclave gets the data and everybody's key.
    code.upload_code(uuid, Path(code_folder))
    enclave_key = code.wait_for_enclave_identity(uuid, sleep_duration=0.1)
    data.upload_files(uuid, [Path(data_file)])
    data.done(uuid)
    for participant in (code, data, consumer):
        participant.key_provisioning(uuid, enclave_key)

    sys.stdout.buffer.write(consumer.wait_result(uuid, sleep_duration=0.1))


if __name__ == "__main__":
    main()
