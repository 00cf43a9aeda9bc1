"""`InputData` with the attributes it had in 2022."""

import sealroom

from cosmian_lib_sgx.side import Side


class InputData(sealroom.InputData):
    """The input files of all data providers."""

    def __init__(self, root_path, keys):
        """Take what an `Enclave` has; what is read are the room's inputs, whatever `keys` says."""
        self.root_path = root_path
        # Where sealed inputs lay in 2022. Here they are nowhere in the file system.
        self.input_path = root_path / "data"
        self.keys = keys[Side.DataProvider]
