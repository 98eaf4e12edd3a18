"""A client of our own endpoints: frames in and out, deadlines, retries that cannot pile up.

Needs httpx (`pip install serve-app[client]`), and pandas where frames are given.

    with Client("http://127.0.0.1:8000") as client:
        answer = client.predict("diagnosis", frame, parameters={"patient_id": "p-17"})
        answer.predictions, answer.frame()
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypedDict, Unpack

import httpx
import orjson

from serve_app import errors

RETRIED = frozenset({429, 502, 503})
"""Statuses after which the same request may be sent again; predictions change nothing."""
_TOLD_APART: dict[Any, type[errors.ServeError]] = {
    kind.code: kind for kind in (errors.InvalidInput, errors.RowsRefused, errors.ModelFailed)
}
_KINDS: dict[int, type[errors.ServeError]] = {
    403: errors.NotPermitted,
    404: errors.NotFound,
    406: errors.NotAcceptable,
    413: errors.TooLarge,
    415: errors.UnsupportedMedia,
    429: errors.Overloaded,
    503: errors.NotReady,
    504: errors.DeadlineExceeded,
}


@dataclass(frozen=True, slots=True)
class Retries:
    """When a request is sent again.

    Up to `attempts` in all, after pauses that double from `pause_s` and are drawn at random
    below that. Over time no more than a `share` of all requests are repetitions, and `burst` at
    once, so that clients do not add to the load that made them repeat.
    """

    attempts: int = 4
    pause_s: float = 0.05
    longest_pause_s: float = 2.0
    share: float = 0.1
    burst: float = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint said of some rows: one prediction each, and probabilities by class."""

    predictions: list[Any]
    probabilities: list[list[float]] | None
    classes: list[Any] | None
    variants: list[str]
    prediction_id: str
    request_id: str
    snapshot: int
    fallback: bool = False
    warnings: tuple[dict[str, Any], ...] = ()
    cache: str | None = None

    def frame(self) -> Any:
        """A pandas frame with `prediction`, and a column `p(class)` for every class."""
        import pandas as pd  # noqa: PLC0415 - only who asks for frames needs it

        frame = pd.DataFrame({"prediction": self.predictions})
        for place, name in enumerate(self.classes or ()):
            frame[f"p({name})"] = [shares[place] for shares in self.probabilities or ()]
        return frame


@dataclass(frozen=True, slots=True)
class _Pause:
    """A step: wait so many seconds. The other kind of step is a request to send."""

    seconds: float


_Steps = Generator[
    httpx.Request | _Pause, httpx.Response | httpx.TransportError | None, httpx.Response
]


class Options(TypedDict, total=False):
    """What both clients may be told, beside where the server is.

    `timeout_s` is the time of one prediction, repetitions included; `headers` go with every
    request. `clock` gives seconds, `draw` numbers from 0 to 1.
    """

    timeout_s: float
    retries: Retries
    headers: Mapping[str, str]
    clock: Callable[[], float]
    draw: Callable[[], float]


class _Calls:
    """What both clients do between sending and waiting; sends and waits for nothing itself."""

    def __init__(self, url: str, options: Options) -> None:
        self._url = url.rstrip("/")
        self._timeout_s = options.get("timeout_s", 10.0)
        self._retries = options.get("retries", Retries())
        self._headers = {**options.get("headers", {}), "content-type": "application/json"}
        self._clock = options.get("clock", time.monotonic)
        self._draw = options.get("draw", random.random)
        self._allowed = self._retries.burst

    def prediction(
        self,
        endpoint: str,
        data: Any,
        version: str | None,
        parameters: Mapping[str, Any] | None,
        method: str | None,
        timeout_s: float | None,
    ) -> _Steps:
        """The steps of a prediction."""
        path = f"/v1/models/{endpoint}" + (f"/versions/{version}" if version else "")
        body = {**rows(data), **({"parameters": dict(parameters)} if parameters else {})}
        if method is not None:
            body["signature_name"] = method
        content = orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)
        return self._steps("POST", f"{path}:predict", content, timeout_s)

    def listing(self) -> _Steps:
        """The steps of asking which endpoints there are."""
        return self._steps("GET", "/v1/endpoints", b"", None)

    def _steps(self, method: str, path: str, content: bytes, timeout_s: float | None) -> _Steps:
        """Send until there is an answer that stands, the time is over or no attempt is left."""
        deadline = self._clock() + (self._timeout_s if timeout_s is None else timeout_s)
        self._allowed = min(self._retries.burst, self._allowed + self._retries.share)
        attempt = 0
        while True:
            attempt += 1
            left_s = deadline - self._clock()
            if left_s <= 0:
                raise errors.DeadlineExceeded(f"no answer from {self._url}{path} in time")
            got = yield httpx.Request(
                method,
                self._url + path,
                content=content,
                headers={**self._headers, "x-timeout-s": f"{left_s:.3f}"},
                extensions={"timeout": httpx.Timeout(left_s).as_dict()},
            )
            if isinstance(got, httpx.Response) and got.status_code not in RETRIED:
                return got
            pause_s = self._pause_s(attempt, got)
            if attempt >= self._retries.attempts or self._allowed < 1:
                break
            if self._clock() + pause_s >= deadline:
                break
            self._allowed -= 1
            yield _Pause(pause_s)
        if isinstance(got, httpx.Response):
            return got
        if isinstance(got, httpx.TimeoutException):
            raise errors.DeadlineExceeded(f"no answer from {self._url}{path} in time") from got
        said = str(got) or type(got).__name__
        raise errors.NotReady(f"{self._url} cannot be reached: {said}") from got

    def _pause_s(self, attempt: int, got: Any) -> float:
        drawn = self._draw() * self._retries.pause_s * 2 ** (attempt - 1)
        asked = 0.0
        if isinstance(got, httpx.Response):
            text = got.headers.get("retry-after", "")
            asked = float(text) if text.isdigit() else 0.0
        return max(asked, min(float(drawn), self._retries.longest_pause_s))


def _next(
    steps: _Steps, got: httpx.Response | httpx.TransportError | None
) -> httpx.Request | _Pause | httpx.Response:
    """The next step, or the answer that ends them."""
    try:
        return steps.send(got)
    except StopIteration as finished:
        response: httpx.Response = finished.value
        return response


class Client:
    """Asks endpoints, and waits for the answer."""

    def __init__(
        self,
        url: str,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        **options: Unpack[Options],
    ) -> None:
        self._calls = _Calls(url, options)
        self._http = httpx.Client(transport=transport)
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
        return _answer(self._run(steps))

    def endpoints(self) -> list[dict[str, Any]]:
        """All endpoints with their variants, weights and columns."""
        return _endpoints(self._run(self._calls.listing()))

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, steps: _Steps) -> httpx.Response:
        got: httpx.Response | httpx.TransportError | None = None
        while not isinstance(step := _next(steps, got), httpx.Response):
            got = None
            if isinstance(step, _Pause):
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
        **options: Unpack[Options],
    ) -> None:
        self._calls = _Calls(url, options)
        self._http = httpx.AsyncClient(transport=transport)

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
        return _answer(await self._run(steps))

    async def endpoints(self) -> list[dict[str, Any]]:
        """All endpoints with their variants, weights and columns."""
        return _endpoints(await self._run(self._calls.listing()))

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _run(self, steps: _Steps) -> httpx.Response:
        got: httpx.Response | httpx.TransportError | None = None
        while not isinstance(step := _next(steps, got), httpx.Response):
            got = None
            if isinstance(step, _Pause):
                await asyncio.sleep(step.seconds)
                continue
            try:
                got = await self._http.send(step)
            except httpx.TransportError as error:
                got = error
        return step


def rows(data: Any) -> dict[str, Any]:
    """A frame as columns, everything else as rows; NaN and NaT become null.

    Raises:
        InvalidInput: it is no table.
    """
    if hasattr(data, "columns") and hasattr(data, "to_dict"):
        return {"inputs": {str(name): _plain(data[name]) for name in data.columns}}
    if hasattr(data, "tolist"):
        data = data.tolist()
    if isinstance(data, Mapping):
        return {"instances": [dict(data)]}
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        return {"instances": list(data)}
    msg = f"rows must be a frame, a matrix or a list of rows, got {type(data).__name__}"
    raise errors.InvalidInput(msg)


def _plain(column: Any) -> list[Any]:
    """A column's values as JSON has them: pandas' ways of saying nothing become None."""
    gaps = column.isna().tolist()
    return [None if gap else value for value, gap in zip(column.tolist(), gaps, strict=True)]


def _answer(response: httpx.Response) -> Answer:
    body = _checked(response)
    return Answer(
        predictions=body["predictions"],
        probabilities=body.get("probabilities"),
        classes=body.get("classes"),
        variants=body["variants"],
        prediction_id=body["prediction_id"],
        request_id=body["request_id"],
        snapshot=body["snapshot"],
        fallback=body.get("fallback", False),
        warnings=tuple(body.get("warnings", ())),
        cache=response.headers.get("x-cache"),
    )


def _endpoints(response: httpx.Response) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _checked(response)["endpoints"]
    return found


def _checked(response: httpx.Response) -> Any:
    """The body of an answer of 200.

    Raises:
        ServeError: the kind that the status and the code of the error stand for.
    """
    try:
        body = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        body = {}
    if response.status_code == 200 and isinstance(body, dict) and body:
        return body
    said = body if isinstance(body, dict) else {}
    message = str(said.get("error") or f"the server answered {response.status_code}")
    details = {
        key: value
        for key, value in said.items()
        if key not in {"error", "message", "error_code", "code", "type"}
    }
    raise _kind(response.status_code, said.get("error_code"))(message, **details)


def _kind(status: int, code: Any) -> type[errors.ServeError]:
    if isinstance(code, str) and code in _TOLD_APART:
        return _TOLD_APART[code]
    if status in _KINDS:
        return _KINDS[status]
    return errors.ClientError if 400 <= status < 500 else errors.ServerFault
