"""A client of our own endpoints: frames in and out, deadlines, retries that cannot pile up.

Comes with `serve-app-client`, or with `serve-app[client]` beside the server. It needs httpx, and
pandas only where answers are to become frames.

    with Client("http://127.0.0.1:8000") as client:
        answer = client.predict("diagnosis", frame, parameters={"patient_id": "p-17"})
        answer.predictions, answer.frame()
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self, Unpack

import httpx

from serve_app.client import answers, transports
from serve_app.client.answers import Answer, ExplainedAnswer, FeedbackAnswer
from serve_app.client.calls import (
    Calls,
    ClientOptions,
    FeedbackItem,
    Pause,
    Retries,
    Steps,
    following,
    rows,
)

__all__ = [
    "Answer",
    "AsyncClient",
    "Client",
    "ExplainedAnswer",
    "FeedbackAnswer",
    "Options",
    "Retries",
    "rows",
]


class Client:
    """Asks endpoints, and waits for the answer."""

    def __init__(
        self,
        url: str,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        **options: Unpack[ClientOptions],
    ) -> None:
        self._calls = Calls(url, options)
        verify = transports.trust(options.get("ca_file"))
        own = transport or transports.transport(url, verify)
        self._http = httpx.Client(transport=own, verify=verify)
        self._sleep = sleep

    def predict(
        self,
        endpoint: str,
        data: Any,
        *,
        version: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        method: str | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """Predict every row of a frame, a matrix, or a list of rows.

        `parameters` are other named values, of which the route may use one as its key. The
        `method` "predict_proba" or "raw_scores" makes those the predictions of the answer.

        Raises:
            InvalidInput: the rows break the schema; `details["violations"]` says how.
            RowsRefused: the model takes no such values.
            NotFound: no such endpoint or version.
            Unavailable: nobody answered in time.
            ServerFault: a model failed.
        """
        steps = self._calls.prediction(endpoint, data, version, parameters, method, timeout_s)
        return answers.answer(self._run(steps))

    def explain(
        self,
        endpoint: str,
        data: Any,
        *,
        version: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        timeout_s: float | None = None,
    ) -> ExplainedAnswer:
        """Predict every row as `predict` does, and tell what each answer is made of.

        Raises:
            InvalidInput: the rows break the schema, or who answers cannot be explained.
            TooLarge: they are more rows than are explained at once (100, unless set otherwise).
            ServeError: as `predict` raises.
        """
        steps = self._calls.explanation(endpoint, data, version, parameters, timeout_s)
        return answers.explained(self._run(steps))

    def feedback(
        self,
        endpoint: str,
        prediction: Answer | str | None = None,
        **item: Unpack[FeedbackItem],
    ) -> str:
        """Tell what became of a prediction, by its answer, its id, or its row's `key`.

        `truth` is what was right, one value per row, or that of the one `row` which is named; a
        higher `reward` is better. `label_at_s` is when it became known (a time, or seconds since
        1970): of different truths the newest stands. What is said twice counts once.

        Returns:
            "stored", "completed" where it adds to what was known, "amended" where it takes the
            place of something else, "superseded" where something newer stands, or "repeated".

        Raises:
            InvalidInput: there is neither a truth nor a reward.
            NotFound: no such endpoint.
            Unavailable: nobody kept it in time.
        """
        steps = self._calls.feedback(endpoint, {"prediction": prediction, **item})
        return answers.outcome(self._run(steps))

    def feedback_all(
        self,
        endpoint: str,
        items: Iterable[Mapping[str, Any]],
        *,
        timeout_s: float | None = None,
    ) -> FeedbackAnswer:
        """Tell what became of many predictions, in one request.

        Items hold what `feedback` takes: `prediction` or `key`, `truth` or `reward`, as needed
        `row` and `label_at_s`. What is right is kept; what is not is refused by its place.

        Raises:
            InvalidInput: none of them could be kept.
            TooLarge: they are more than a request may have rows; send them in parts.
            NotFound: no such endpoint.
            Unavailable: nobody kept them in time.
        """
        steps = self._calls.feedback_all(endpoint, items, timeout_s)
        return answers.outcomes(self._run(steps))

    def endpoints(self) -> list[dict[str, Any]]:
        """All endpoints with their variants, weights and columns."""
        return answers.endpoints(self._run(self._calls.listing()))

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, steps: Steps) -> httpx.Response:
        got: httpx.Response | httpx.TransportError | None = None
        while not isinstance(step := following(steps, got), httpx.Response):
            got = None
            if isinstance(step, Pause):
                self._sleep(step.seconds)
                continue
            try:
                got = self._http.send(step)
            except httpx.TransportError as error:
                got = error
        return step


class AsyncClient:
    """The same for asyncio."""

    def __init__(
        self,
        url: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        self._calls = Calls(url, options)
        verify = transports.trust(options.get("ca_file"))
        own = transport or transports.async_transport(url, verify)
        self._http = httpx.AsyncClient(transport=own, verify=verify)

    async def predict(
        self,
        endpoint: str,
        data: Any,
        *,
        version: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        method: str | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """Predict every row; like `Client.predict`, errors included."""
        steps = self._calls.prediction(endpoint, data, version, parameters, method, timeout_s)
        return answers.answer(await self._run(steps))

    async def explain(
        self,
        endpoint: str,
        data: Any,
        *,
        version: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        timeout_s: float | None = None,
    ) -> ExplainedAnswer:
        """Predict and explain every row; like `Client.explain`, errors included."""
        steps = self._calls.explanation(endpoint, data, version, parameters, timeout_s)
        return answers.explained(await self._run(steps))

    async def feedback(
        self,
        endpoint: str,
        prediction: Answer | str | None = None,
        **item: Unpack[FeedbackItem],
    ) -> str:
        """Tell what became of a prediction; like `Client.feedback`, errors included."""
        steps = self._calls.feedback(endpoint, {"prediction": prediction, **item})
        return answers.outcome(await self._run(steps))

    async def feedback_all(
        self,
        endpoint: str,
        items: Iterable[Mapping[str, Any]],
        *,
        timeout_s: float | None = None,
    ) -> FeedbackAnswer:
        """Tell what became of many predictions; like `Client.feedback_all`, errors included."""
        steps = self._calls.feedback_all(endpoint, items, timeout_s)
        return answers.outcomes(await self._run(steps))

    async def endpoints(self) -> list[dict[str, Any]]:
        """All endpoints with their variants, weights and columns."""
        return answers.endpoints(await self._run(self._calls.listing()))

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _run(self, steps: Steps) -> httpx.Response:
        got: httpx.Response | httpx.TransportError | None = None
        while not isinstance(step := following(steps, got), httpx.Response):
            got = None
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
                continue
            try:
                got = await self._http.send(step)
            except httpx.TransportError as error:
                got = error
        return step
