"""The name under which the 2022 library offered `sealroom`: existing code runs unchanged.

Its names that dealt with keys are not here: keys never reach the code of a run.
"""

from sealroom import Enclave, InputData, OutputData, UserError

__all__ = ["Enclave", "InputData", "OutputData", "UserError"]
