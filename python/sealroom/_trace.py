"""What the enclave hears of an exception: places in the code and types, no values."""

import contextlib
import json

# The enclave takes no more, and tells fewer of them.
MOST_RAISED = 8
MOST_FRAMES = 64


def send(session, error):
    """Tell the enclave where `error`, and what led to it, was raised."""
    raised = []
    seen = set()
    while error is not None and id(error) not in seen and len(raised) < MOST_RAISED:
        seen.add(id(error))
        frames = list(_frames(session, error.__traceback__))[-MOST_FRAMES:]
        raised.append({"type": type(error).__name__, "frames": frames})
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    raised.reverse()
    # Code that has closed the channel is not told of it: its own exception says more.
    with contextlib.suppress(OSError):
        session.channel.trace(json.dumps({"raised": raised}).encode())


def _frames(session, trace):
    while trace is not None:
        code = trace.tb_frame.f_code
        yield [session.relative(code.co_filename) or "", trace.tb_lineno, code.co_name]
        trace = trace.tb_next
