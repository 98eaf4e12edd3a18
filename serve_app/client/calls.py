"""What is sent and when it is sent again; sends and waits for nothing itself."""

from __future__ import annotations

import datetime as dt
import os
import random
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypedDict

import httpx
import orjson

from serve_app import errors
from serve_app.client.answers import Answer

RETRIED = frozenset({429, 502, 503})
"""Statuses after which the same request may be sent again; predictions change nothing."""
KEY_VARIABLE = "SERVE_APP_API_KEY"
_CREDENTIALS = frozenset({"authorization", "x-api-key", "api-key"})
RECONNECT_PAUSE_S = 0.25
"""The longest pause while nobody listens."""
FEEDBACK_NAMES = frozenset(
    {"prediction", "prediction_id", "key", "row", "truth", "reward", "label_at_s", "variants"}
)
"""What an item of feedback may hold; a `prediction` is an answer or an id."""


@dataclass(frozen=True, slots=True)
class Retries:
    """When a request is sent again.

    Up to `attempts` in all, after pauses that double from `pause_s` and are drawn at random
    below that. Over time no more than a `share` of all requests are repetitions, and `burst` at
    once, so that clients do not add to the load that made them repeat. Where nobody listens, as
    while a proxy starts anew, nothing is sent that could add to it: for `reconnect_s` attempts to
    connect do not count.
    """

    attempts: int = 4
    pause_s: float = 0.05
    longest_pause_s: float = 2.0
    share: float = 0.1
    burst: float = 10.0
    reconnect_s: float = 3.0


@dataclass(frozen=True, slots=True)
class Pause:
    """A step: wait so many seconds. The other kind of step is a request to send."""

    seconds: float


Steps = Generator[
    httpx.Request | Pause, httpx.Response | httpx.TransportError | None, httpx.Response
]


class FeedbackItem(TypedDict, total=False):
    """What is said of a prediction, beside its answer or its id."""

    key: str | int
    row: int
    truth: Any
    reward: float | None
    label_at_s: float | dt.datetime
    variants: Sequence[str]


class ClientOptions(TypedDict, total=False):
    """What both clients may be told, beside where the server is.

    `timeout_s` is the time of one prediction, repetitions included; `headers` go with every
    request. `api_key` or `token` proves who asks; without either, the environment's variable
    SERVE_APP_API_KEY does where it has a key. `ca_file` has the certificates (PEM) of who signs
    those of servers. `clock` gives seconds, `draw` numbers from 0 to 1.
    """

    timeout_s: float
    retries: Retries
    headers: Mapping[str, str]
    api_key: str
    token: str
    ca_file: str | os.PathLike[str]
    clock: Callable[[], float]
    draw: Callable[[], float]


class Calls:
    """What both clients do between sending and waiting."""

    def __init__(self, url: str, options: ClientOptions) -> None:
        self._url = url.rstrip("/")
        self._timeout_s = options.get("timeout_s", 10.0)
        self._retries = options.get("retries", Retries())
        self._headers = {
            **options.get("headers", {}),
            **_proof(options, os.environ),
            "content-type": "application/json",
        }
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
    ) -> Steps:
        """The steps of a prediction."""
        path = f"/v1/models/{endpoint}" + (f"/versions/{version}" if version else "")
        body = {**rows(data), **({"parameters": dict(parameters)} if parameters else {})}
        if method is not None:
            body["signature_name"] = method
        content = orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)
        return self._steps("POST", f"{path}:predict", content, timeout_s)

    def explanation(
        self,
        endpoint: str,
        data: Any,
        version: str | None,
        parameters: Mapping[str, Any] | None,
        timeout_s: float | None,
    ) -> Steps:
        """The steps of a prediction with its reasons."""
        path = f"/v1/models/{endpoint}" + (f"/versions/{version}" if version else "")
        body = {**rows(data), **({"parameters": dict(parameters)} if parameters else {})}
        content = orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)
        return self._steps("POST", f"{path}:explain", content, timeout_s)

    def feedback(self, endpoint: str, item: Mapping[str, Any]) -> Steps:
        """The steps of telling what became of a prediction."""
        return self._steps(
            "POST", f"/v1/models/{endpoint}:feedback", _feedback_body(_item(item)), None
        )

    def feedback_all(
        self, endpoint: str, items: Iterable[Mapping[str, Any]], timeout_s: float | None
    ) -> Steps:
        """The steps of telling what became of many predictions."""
        content = _feedback_body({"feedback": [_item(item) for item in items]})
        return self._steps("POST", f"/v1/models/{endpoint}:feedback", content, timeout_s)

    def listing(self) -> Steps:
        """The steps of asking which endpoints there are."""
        return self._steps("GET", "/v1/endpoints", b"", None)

    def _steps(self, method: str, path: str, content: bytes, timeout_s: float | None) -> Steps:
        """Send until there is an answer that stands, the time is over or no attempt is left."""
        began_s = self._clock()
        deadline = began_s + (self._timeout_s if timeout_s is None else timeout_s)
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
            if isinstance(got, httpx.Response) and not _may_pass(got):
                return got
            pause_s = self._pause_s(attempt, got)
            again_s = self._clock() + pause_s
            if again_s >= deadline:
                break
            is_refused = isinstance(got, httpx.ConnectError)
            if not (is_refused and again_s - began_s <= self._retries.reconnect_s):
                if attempt >= self._retries.attempts or self._allowed < 1:
                    break
                self._allowed -= 1
            yield Pause(pause_s)
        if isinstance(got, httpx.Response):
            return got
        if isinstance(got, httpx.TimeoutException):
            raise errors.DeadlineExceeded(f"no answer from {self._url}{path} in time") from got
        reason = str(got) or type(got).__name__
        raise errors.NotReady(f"{self._url} cannot be reached: {reason}") from got

    def _pause_s(self, attempt: int, got: Any) -> float:
        drawn = self._draw() * self._retries.pause_s * 2 ** (attempt - 1)
        retry_after_s = 0.0
        longest_s = self._retries.longest_pause_s
        if isinstance(got, httpx.ConnectError):
            longest_s = min(longest_s, RECONNECT_PAUSE_S)
        if isinstance(got, httpx.Response):
            text = got.headers.get("retry-after", "")
            retry_after_s = float(text) if text.isdigit() else 0.0
        return max(retry_after_s, min(float(drawn), longest_s))


def _may_pass(response: httpx.Response) -> bool:
    """Whether the same request may be answered otherwise a moment later.

    The server says in JSON why it answers 500. A 500 in any other words is that of the proxy
    before it, which lost the server while that had the request.
    """
    if response.status_code != httpx.codes.INTERNAL_SERVER_ERROR:
        return response.status_code in RETRIED
    return "json" not in response.headers.get("content-type", "")


def _proof(options: ClientOptions, environment: Mapping[str, str]) -> dict[str, str]:
    """The header that proves who asks.

    Raises:
        InvalidInput: a key and a token are given, or what is given can stand in no header.
    """
    key, token = options.get("api_key"), options.get("token")
    if key is not None and token is not None:
        raise errors.InvalidInput("give an api_key or a token, not both")
    names = {name.lower() for name in options.get("headers", {})}
    if key is None and token is None and not names & _CREDENTIALS:
        key = environment.get(KEY_VARIABLE, "").strip() or None
    shown = key if token is None else token
    if shown is None:
        return {}
    if not shown.isascii() or not shown.isprintable() or " " in shown:
        raise errors.InvalidInput("the api_key or token has spaces or other letters in it")
    return {"x-api-key": shown} if token is None else {"authorization": f"Bearer {shown}"}


def following(
    steps: Steps, got: httpx.Response | httpx.TransportError | None
) -> httpx.Request | Pause | httpx.Response:
    """The next step, or the answer that ends them."""
    try:
        return steps.send(got)
    except StopIteration as finished:
        response: httpx.Response = finished.value
        return response


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


def _item(given: Mapping[str, Any]) -> dict[str, Any]:
    """One item as it is sent: an answer says which prediction it is about, and who gave it.

    Raises:
        InvalidInput: it has names that items do not have.
    """
    if unknown := given.keys() - FEEDBACK_NAMES:
        msg = f"an item of feedback has no {', '.join(sorted(map(repr, unknown)))}"
        raise errors.InvalidInput(msg)
    item = {name: value for name, value in given.items() if name != "prediction"}
    prediction = given.get("prediction")
    if isinstance(prediction, Answer):
        item |= {"prediction_id": prediction.prediction_id, "variants": prediction.variants}
    elif prediction is not None:
        item["prediction_id"] = prediction
    if hasattr(item.get("truth"), "tolist"):
        item["truth"] = item["truth"].tolist()
    if isinstance(item.get("label_at_s"), dt.datetime):
        item["label_at_s"] = item["label_at_s"].timestamp()
    return item


def _feedback_body(document: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    except TypeError as error:
        msg = f"the truth must be values that JSON has, one per row: {error}"
        raise errors.InvalidInput(msg) from error


def _plain(column: Any) -> list[Any]:
    """A column's values as JSON has them: pandas' ways of saying nothing become None."""
    gaps = column.isna().tolist()
    return [
        None if gap else _written(value) for value, gap in zip(column.tolist(), gaps, strict=True)
    ]


def _written(value: Any) -> Any:
    """Dates and times as ISO 8601, decimals as text."""
    if isinstance(value, dt.date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
