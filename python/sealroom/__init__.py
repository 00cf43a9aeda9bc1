"""What code in a sealed room uses: its inputs, its results, its sealed resources.

from sealroom import Enclave

with Enclave() as enclave:
    for data in enclave.read():
        ...
    enclave.write(b"the result")
"""

from sealroom._enclave import Enclave, InputData, OutputData
from sealroom._errors import UserError
from sealroom._file import EnclaveFile
from sealroom._session import open_resource

__all__ = ["Enclave", "EnclaveFile", "InputData", "OutputData", "UserError", "open_resource"]
