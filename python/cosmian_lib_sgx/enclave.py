"""`Enclave` with the attributes it had in 2022."""

from pathlib import Path

import sealroom
from sealroom import _session

from cosmian_lib_sgx.key_info import KeyInfo
from cosmian_lib_sgx.reader import InputData
from cosmian_lib_sgx.side import Side
from cosmian_lib_sgx.writer import OutputData


class Enclave(sealroom.Enclave):
    """The enclave that this code runs in, and what is public about its computation."""

    def __init__(self):
        """Look at who takes part; nothing is opened before it is asked for."""
        participants = _session.current().participants
        self.computation_uuid = participants.computation
        self.keys = _keys(participants)
        self.root_path = Path.cwd()
        self.input_data = self._input = InputData(self.root_path, self.keys)
        self.output_data = self._output = OutputData(self.root_path, self.keys)


def _keys(participants):
    """Return the participants' `KeyInfo` by `Side`, in order."""
    keys = {
        Side.CodeProvider: [participants.code_provider],
        Side.DataProvider: participants.data_providers,
        Side.ResultConsumer: participants.result_consumers,
    }
    return {side: [KeyInfo(participants.computation, key) for key in keys[side]] for side in keys}
