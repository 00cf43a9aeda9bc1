"""The name under which the 2022 library offered `sealroom`: existing code runs unchanged.

Its names are here as far as they work without a key, because keys never reach the code of a run.
docs/code.md says what differs.
"""

from cosmian_lib_sgx.enclave import Enclave
from cosmian_lib_sgx.error import UserError
from cosmian_lib_sgx.key_info import KeyInfo
from cosmian_lib_sgx.reader import InputData
from cosmian_lib_sgx.side import Side
from cosmian_lib_sgx.writer import OutputData

__all__ = ["Enclave", "InputData", "KeyInfo", "OutputData", "Side", "UserError"]
