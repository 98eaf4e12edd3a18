"""The one front door: what arrives in any protocol becomes a request of the engine's here."""

from __future__ import annotations

import re
from collections.abc import Coroutine, Mapping
from typing import Any, NamedTuple, TypeVar

from serve_app.core.caller import ANONYMOUS, Caller
from serve_app.core.messages import Payload, Request, Response
from serve_app.core.ports import Ids
from serve_app.engine.explain import Explained
from serve_app.engine.predict import Predictor
from serve_app.engine.shedding import Place
from serve_app.engine.stages import Resolved, Stage, Stages
from serve_app.engine.visible import default_for, require
from serve_app.errors import InvalidInput

T = TypeVar("T")
PREDICT = "predict"
REQUEST_ID = "x-request-id"
TIMEOUT = "x-timeout-s"
_COMPUTED = frozenset({PREDICT, "explain"})
"""What is done with models, so that too much of it at once would wait."""
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")


class Admitted(NamedTuple):
    """What is known of a request before its body is read.

    The stage that `resolved` holds decodes, answers and encodes, whatever snapshot comes
    meanwhile. `timeout_s` is the time that the client gives, where it gives one. `place` is held
    while it is answered, where endpoints take so many at once.
    """

    resolved: Resolved
    request_id: str
    headers: Mapping[str, str]
    caller: Caller = ANONYMOUS
    version: str | None = None
    label: str | None = None
    timeout_s: float | None = None
    place: Place | None = None

    @property
    def stage(self) -> Stage:
        """The endpoint that is asked."""
        return self.resolved.stage

    def with_payload(self, payload: Payload) -> Request:
        """The request, once its body is decoded."""
        return Request(
            endpoint=self.resolved.stage.spec.name,
            payload=payload,
            id=self.request_id,
            version=self.version,
            label=self.label,
            headers=self.headers,
            timeout_s=self.timeout_s,
            caller=self.caller,
        )


class Entrance:
    """Admits requests to the endpoints of a predictor.

    `default_endpoint` is asked where nothing names one; `ids` draws an id for requests that
    come without one that fits. Without `ids` somebody has seen to that before. Callers must be
    allowed the `action` on the endpoints that they ask.
    """

    def __init__(
        self,
        predictor: Predictor,
        *,
        default_endpoint: str | None = None,
        ids: Ids | None = None,
        action: str = PREDICT,
    ) -> None:
        self._predictor = predictor
        self._default_endpoint = default_endpoint
        self._ids = ids
        self._action = action
        self._shedding = predictor.shedding if action in _COMPUTED else None

    def admit(
        self,
        headers: Mapping[str, str],
        endpoint: str | None,
        version: str | None = None,
        *,
        label: str | None = None,
        timeout_s: float | None = None,
        caller: Caller = ANONYMOUS,
    ) -> Admitted:
        """Find who is asked and for how long, and whether the caller may ask that.

        Raises:
            NotFound: no such endpoint or version that the caller may know of.
            Forbidden: it may know of the endpoint, and not ask it so.
            NotReady: no snapshot has arrived yet.
            InvalidInput: the header `x-timeout-s` is no time, or `x-criticality` no criticality.
            Overloaded: the endpoint has as many requests as it answers without delay.
        """
        stages = self._predictor.stages_for(caller)
        resolved = self._resolved(stages, endpoint, version, caller)
        return Admitted(
            resolved,
            headers.get(REQUEST_ID, "") if self._ids is None else self.request_id(headers),
            headers,
            caller,
            version,
            label,
            timeout_of(headers) if timeout_s is None else timeout_s,
            self._place(resolved, headers, caller),
        )

    def admit_under(
        self,
        stages: Stages,
        headers: Mapping[str, str],
        endpoint: str,
        version: str | None,
        caller: Caller,
    ) -> Admitted:
        """The same under stages that were chosen before, as far as the caller may know of them."""
        resolved = self._resolved(stages, endpoint, version, caller)
        request_id = self.request_id(headers)
        timeout_s = timeout_of(headers)
        place = self._place(resolved, headers, caller)
        return Admitted(
            resolved, request_id, headers, caller, version, timeout_s=timeout_s, place=place
        )

    def _place(
        self, resolved: Resolved, headers: Mapping[str, str], caller: Caller
    ) -> Place | None:
        if self._shedding is None:
            return None
        return self._shedding.place(resolved.stage.spec.name, caller, headers)

    def _resolved(
        self, stages: Stages, endpoint: str | None, version: str | None, caller: Caller
    ) -> Resolved:
        if not endpoint:
            endpoint = default_for(caller, self._default_endpoint, stages)
        stage = stages.endpoint(endpoint, version)
        require(caller, self._action, stage.spec.name)
        if version is not None:
            # A body is not looked at where nobody is there to answer it.
            stage.versions(version)
        return Resolved(stage, stages.version)

    def predict(self, admitted: Admitted, payload: Payload) -> Coroutine[Any, Any, Response]:
        """The answer to an admitted request; raises as `Predictor.predict` does."""
        request = admitted.with_payload(payload)
        if admitted.place is None:
            return self._predictor.predict(request, admitted.resolved)
        admitted.place.rows = payload.rows
        return _held(admitted.place, self._predictor.predict(request, admitted.resolved))

    def explain(
        self, admitted: Admitted, payload: Payload
    ) -> Coroutine[Any, Any, tuple[Response, Explained]]:
        """The answer to an admitted request, explained; raises as `Predictor.explain` does."""
        request = admitted.with_payload(payload)
        if admitted.place is None:
            return self._predictor.explain(request, admitted.resolved)
        # Reasons take longer than answers: they hold a place, and say nothing of its time.
        return _held(admitted.place, self._predictor.explain(request, admitted.resolved))

    def request_id(self, headers: Mapping[str, str]) -> str:
        """The id that a request came with, or a new one where there is none that fits."""
        return request_id_of(headers, self._ids)


async def _held(place: Place, answer: Coroutine[Any, Any, T]) -> T:
    """An answer that holds a place until it is here."""
    try:
        with place:
            return await answer
    finally:
        # It never began where the place was taken meanwhile.
        answer.close()


def request_id_of(headers: Mapping[str, str], ids: Ids | None) -> str:
    """The id that a request came with, or a new one where there is none that fits."""
    given = headers.get(REQUEST_ID, "")
    if is_request_id(given.encode()):
        return given
    return "" if ids is None else ids()


def is_request_id(value: bytes) -> bool:
    """Whether a client may call its request so: short, of letters, digits and `._:/+=@-`."""
    return _REQUEST_ID.fullmatch(value) is not None


def timeout_of(headers: Mapping[str, str]) -> float | None:
    """The time that the client gives, in seconds; it can only shorten the endpoint's.

    Raises:
        InvalidInput: it is not a number above 0.
    """
    given = headers.get(TIMEOUT)
    if given is None:
        return None
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        msg = f"the header x-timeout-s must be a number of seconds above 0, got {given[:40]!r}"
        raise InvalidInput(msg)
    return seconds
