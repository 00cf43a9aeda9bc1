"""Somebody with the client of 2022, told by a test what to do.

The first line of stdin says who this is; each further line names something of the client's public
API, with arguments if it is to be called, or new safety words:

    {"side": "DataProvider", "token": TEXT, "computation": UUID, "words": TEXT}
    {"do": "upload_data", "with": {"data_name": "a.csv", "data": {"bytes": BASE64}, ...}}
    {"words": TEXT}

Each is answered with a line: {"ok": VALUE} or {"raised": TEXT}. COSMIAN_BASE_URL names the server.
"""

import base64
import dataclasses
import enum
import json
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

APIS = {
    Side.CodeProvider: CodeProviderAPI,
    Side.DataProvider: DataProviderAPI,
    Side.ResultConsumer: ResultConsumerAPI,
}


class Owner:
    """A computation owner, who has no keys."""

    def __init__(self, who):
        self.api = ComputationOwnerAPI(who["token"])
        self.ctx = None


class Participant:
    """One role of one account, with keys that it makes when it starts."""

    def __init__(self, who):
        self.token = who["token"]
        self.take(CryptoContext(who["computation"], Side[who["side"]], who["words"]))

    def take(self, ctx):
        self.ctx = ctx
        self.api = APIS[ctx.side](self.token, ctx)

    def take_words(self, words):
        """Goes on with the same keys and other words."""
        self.take(CryptoContext.from_dict({**self.ctx.to_dict(), "words": words}))


def taken(value):
    """What the test means by a JSON value."""
    if isinstance(value, list):
        return [taken(item) for item in value]
    if isinstance(value, dict) and "bytes" in value:
        return base64.b64decode(value["bytes"])
    if isinstance(value, dict) and "path" in value:
        return Path(value["path"])
    return value


def shown(value):
    """What the client gave, as JSON."""
    if isinstance(value, (list, tuple)):
        return [shown(item) for item in value]
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value):
        return shown(dataclasses.asdict(value))
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, Path):
        return {"path": str(value)}
    if isinstance(value, enum.Enum):
        return value.name
    return value


def answer(who, order):
    """Does what one line asks for."""
    if "words" in order:
        return who.take_words(order["words"])
    found = getattr(who.api if hasattr(who.api, order["do"]) else who.ctx, order["do"])
    if order["with"] is None:
        return found
    return found(**{name: taken(value) for name, value in order["with"].items()})


def main():
    """Answers until stdin ends."""
    who = None
    for line in sys.stdin:
        order = json.loads(line)
        try:
            if who is None:
                who = (Owner if order["side"] == "ComputationOwner" else Participant)(order)
                said = {"ok": None}
            else:
                said = {"ok": shown(answer(who, order))}
        except Exception as error:  # the client raises nothing more particular
            said = {"raised": f"{type(error).__name__}: {error}"}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
