"""AWS Lambda's handler: `serve_app.standalone.aws_lambda.handler`, in images and in zips.

The name `handler` is made when it is first looked up. Lambda does that while it starts a function:
the model is loaded then, in the ten seconds that start has, and what fails is Lambda's error of
the start, in words.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from serve_app.core.extras import missing
from serve_app.core.ports import Clock
from serve_app.errors import BadEncoding, ConfigError, InvalidInput, ServeError
from serve_app.monitoring import log
from serve_app.standalone import aws_events, direct
from serve_app.standalone.application import build
from serve_app.standalone.settings import RunSettings
from serve_app.standalone.within_time import WithinTime

logger = logging.getLogger("serve_app.standalone.aws_lambda")
_TEXT = (
    "text/",
    "application/json",
    "application/jsonlines",
    "application/x-ndjson",
    "application/cloudevents+json",
    "application/graphql-response+json",
)
"""Content types whose answers are handed over as text; REST APIs return these as they are."""


class LambdaContext(Protocol):
    """What Lambda tells of an invocation."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""
        ...


class LambdaHandler:
    """Answers Lambda's events by an ASGI application: HTTP of all forms, and bare values.

    Each call runs `loop`, on which the application was loaded, until its answer is there. The
    answer comes before Lambda ends the call, and fits into what it takes back.
    """

    def __init__(self, app: ASGIApp, *, loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
        self._app = WithinTime(app, _left_s)
        self._loop = loop
        self._clock = clock
        self._adapter = _adapter(_Identified(self._app), loop)
        self._is_first = True

    def __call__(self, event: Any, context: LambdaContext) -> Any:
        """Answer one event.

        Raises:
            ServeError: the value of a direct event was refused, or the event is of no known
                kind; HTTP events are answered with a status instead.
        """
        started_s = self._clock()
        outcome: Any = "failed"
        try:
            kind = aws_events.kind_of(event)
            if kind == "direct":
                answer = self._direct(event, context)
                outcome = "answered"
            else:
                answer = self._http(event, context, kind)
                outcome = answer["statusCode"]
        except ServeError as error:
            outcome = error.code
            raise
        finally:
            spent_ms = round((self._clock() - started_s) * 1000, 3)
            logger.info(
                "invocation",
                extra={
                    "request_id": context.aws_request_id,
                    "outcome": outcome,
                    "duration_ms": spent_ms,
                    "is_first": self._is_first,
                },
            )
            self._is_first = False
        return answer

    def _direct(self, event: Any, context: LambdaContext) -> Any:
        async def within(scope: Scope, receive: Receive, send: Send) -> None:
            await self._app({**scope, "aws.context": context}, receive, send)

        work = direct.predict(within, event, context.aws_request_id)
        value, size = self._loop.run_until_complete(work)
        return aws_events.fitting_value(value, size)

    def _http(self, event: Any, context: LambdaContext, kind: aws_events.Kind) -> dict[str, Any]:
        request_id = context.aws_request_id
        try:
            answer = self._adapter(aws_events.without_stage(event), context)
        except UnicodeEncodeError as error:
            refusal = BadEncoding(f"the event holds text that is no Unicode: {error.reason}")
            return aws_events.refused(refusal, kind, request_id)
        except ValueError:
            refusal = BadEncoding("the event says that its body is base64, and it is not")
            return aws_events.refused(refusal, kind, request_id)
        except LookupError as missing:
            msg = f"the event has no {missing} where one of its kind has it"
            raise InvalidInput(msg) from missing
        except (AttributeError, TypeError) as error:
            msg = f"a part of the event is not what one of its kind has there: {error}"
            raise InvalidInput(msg) from error
        return aws_events.fitting(answer, kind, request_id)


def _left_s(scope: Scope) -> float | None:
    context: LambdaContext = scope["aws.context"]
    return context.get_remaining_time_in_millis() / 1000


class _Identified:
    """An application whose requests have the invocation's id where they come without one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(bytes(name), bytes(value)) for name, value in scope["headers"]]
        if all(name != b"x-request-id" for name, _ in headers):
            headers.append((b"x-request-id", scope["aws.context"].aws_request_id.encode()))
        await self._app({**scope, "headers": headers}, receive, send)


def _adapter(app: _Identified, loop: asyncio.AbstractEventLoop) -> Callable[[Any, Any], Any]:
    """What makes requests of Lambda's HTTP events, and answers to these of what `app` sends."""
    try:
        from mangum import Mangum  # noqa: PLC0415 - comes with an extra
    except ModuleNotFoundError as error:
        raise ConfigError(missing(error) or str(error)) from error
    # It runs whatever loop is the thread's.
    asyncio.set_event_loop(loop)
    return Mangum(app, lifespan="off", text_mime_types=[*_TEXT])


def started() -> LambdaHandler:
    """The handler of the models that the environment names, loaded.

    Raises:
        ServeError: a model cannot be loaded, or the environment names none.
    """
    # Lambda keeps what stands there.
    log.send_to(sys.stdout, log.JsonLines(component="lambda"))
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    application = build(RunSettings.from_environment(os.environ), clock=time.monotonic)
    loop.run_until_complete(application.load())
    return LambdaHandler(application, loop=loop, clock=time.monotonic)


def __getattr__(name: str) -> LambdaHandler:
    """`handler`, made once, when Lambda looks it up."""
    if name != "handler":
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    made = globals()["handler"] = started()
    return made
