"""`OutputData` with the attributes it had in 2022."""

import sealroom
from sealroom import UserError

from cosmian_lib_sgx.side import Side


class OutputData(sealroom.OutputData):
    """The results for all result consumers."""

    def __init__(self, root_path, keys, debug=False):
        """Take what an `Enclave` has; results go to the room's consumers, whatever `keys` says."""
        if debug:
            raise UserError("a room writes no results in clear: use `sealroom test` on samples")
        self.debug = False
        self.root_path = root_path
        # Where sealed results lay in 2022. Here they go to the enclave and nowhere else.
        self.output_path = root_path / "result"
        self.keys = keys[Side.ResultConsumer]
