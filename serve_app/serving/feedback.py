"""Hands feedback to control, which keeps it for the whole cluster."""

import asyncio

from serve_app.core.feedback import Feedback, Outcome
from serve_app.errors import DeadlineExceeded
from serve_app.serving.control import control_handle
from serve_app.serving.handles import translate

TIMEOUT_S = 5.0


async def keep(feedback: Feedback) -> Outcome:
    """Return once it is kept.

    Raises:
        NotReady: control is not there.
        DeadlineExceeded: it did not answer in time.
        RegistryFailed: it cannot write.
    """
    kept = control_handle().options(method_name="keep_feedback").remote(feedback)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            outcome: Outcome = await kept
    except TimeoutError:
        kept.cancel()  # type: ignore[no-untyped-call]
        raise DeadlineExceeded("control did not keep the feedback in time; send it again") from None
    except Exception as error:
        raise translate(error, "control") from error
    return outcome
