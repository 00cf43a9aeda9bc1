"""The kinds of participants."""

from enum import Enum


class Side(Enum):
    """Which part somebody takes in a computation."""

    Enclave = 1
    CodeProvider = 2
    DataProvider = 3
    ResultConsumer = 4
