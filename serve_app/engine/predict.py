"""One request's way, from decoded rows to an answer. The only place that knows the order."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from serve_app.core.cache import Found, NoCache
from serve_app.core.counts import Counts
from serve_app.core.messages import RAW_SCORES, Payload, RawColumns, Request, Response
from serve_app.core.offload import IN_PLACE, LARGE_CELLS, Offload
from serve_app.core.ports import Clock, Ids
from serve_app.core.refusals import moved
from serve_app.engine.liveness import IsAlive, always, can_answer
from serve_app.engine.stages import Resolved, Stage, Stages
from serve_app.errors import RowsRefused

logger = logging.getLogger("serve_app.predict")
_NO_CACHE = NoCache()


@dataclass(frozen=True, slots=True)
class _Sources:
    clock: Clock
    ids: Ids


class Predictor:
    """Answers requests under the snapshot that stands when they arrive.

    What takes long in large requests is done by `offload`, so that the others go on.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        ids: Ids,
        offload: Offload = IN_PLACE,
        is_alive: IsAlive = always,
    ) -> None:
        self.offload = offload
        self._is_alive = is_alive
        self._sources = _Sources(clock, ids)
        self._stages = Stages()
        self._counts: dict[str, Counts] = {}

    def counts(self, endpoint: str) -> Counts:
        """What was asked of an endpoint in this process."""
        return self._counts.get(endpoint) or Counts()

    @property
    def stages(self) -> Stages:
        """The stages of the snapshot that answers now."""
        return self._stages

    def can_answer(self, stage: Stage, version: str | None = None) -> bool:
        """Whether an endpoint, or one of its versions, has somebody alive who would answer."""
        return can_answer(stage.spec, self._is_alive, version)

    def alive_versions(self, stage: Stage) -> dict[str, bool]:
        """All versions of an endpoint, and whether each could answer."""
        return {version: self.can_answer(stage, version) for version in stage.versions(None)}

    @property
    def is_ready(self) -> bool:
        """Whether requests can be taken: a snapshot is here, and some endpoint could answer.

        Where there are no endpoints, nobody is in the way of the first.
        """
        stages = self._stages
        if not stages.version:
            return False
        return not stages.endpoints or any(map(self.can_answer, stages.endpoints.values()))

    def swap(self, stages: Stages) -> None:
        """Answer every later request under these stages; those on their way stay as they are."""
        self._stages = stages
        self._counts = {name: self.counts(name) for name in stages.endpoints}

    async def predict(self, request: Request, resolved: Resolved | None = None) -> Response:
        """Route, validate, look up, preprocess, ask, combine.

        `resolved` is the endpoint where somebody has looked it up already: one look-up travels
        with a request, so that it is answered under the snapshot that decoded it.

        Raises:
            NotFound: no such endpoint or version.
            InvalidInput: the rows break the schema.
            RowsRefused: they hold values that the model does not take.
            Unavailable: nobody could answer in time.
            ServerFault: a model failed.
        """
        if resolved is None:
            resolved = Resolved(self._stages.endpoint(request.endpoint), self._stages.version)
        stage = resolved.stage
        counts = self._counts.get(stage.spec.name) or Counts()
        started = self._sources.clock()
        try:
            response = await self._answered(resolved, request, started)
        except BaseException:
            counts.add_failed(self._sources.clock() - started)
            raise
        took_s = self._sources.clock() - started
        counts.add(request.payload.rows, took_s)
        if logger.isEnabledFor(logging.DEBUG):
            _log(response, took_s)
        return response

    async def _answered(self, resolved: Resolved, request: Request, started: float) -> Response:
        stage = resolved.stage
        deadline = started + _timeout_s(stage, request)
        plan = stage.plan(request)
        given, rows = _modelled(stage, request.payload), request.payload.rows
        if rows * len(stage.names) < LARGE_CELLS:
            columns, warnings = stage.schema.validate(given, rows)
        else:
            columns, warnings = await self.offload.run(stage.schema.validate, given, rows)
        scored = request.payload.method == RAW_SCORES
        # What a cache remembers has no scores, and few ask for them.
        cache = _NO_CACHE if scored else stage.cache
        ask = stage.ask_for_scores if scored else stage.ask
        found = cache.find(plan, columns)
        asked = None
        if found.missing is not None:
            try:
                features = await stage.prepare(found.missing, deadline)
                asked = await ask(plan, features, deadline)
            except RowsRefused as error:
                raise _of_the_request(error, found) from error
        answer, cached_rows = cache.complete(found, asked)
        return Response(
            request=request,
            prediction_id=self._sources.ids(),
            snapshot_version=resolved.snapshot,
            answer=answer,
            labels=stage.labels,
            warnings=warnings,
            cached_rows=cached_rows,
            several=stage.several,
        )


def _of_the_request(error: RowsRefused, found: Found) -> RowsRefused:
    """A refusal by the row of the request, of which models are not asked what a cache knows."""
    row = error.details.get("row")
    return error if row is None or not found.hits else moved(error, found.row(row))


def _log(response: Response, took_s: float) -> None:
    logger.debug(
        "predicted",
        extra={
            "endpoint": response.request.endpoint,
            "request_id": response.request.id,
            "prediction_id": response.prediction_id,
            "variants": response.answer.variants,
            "snapshot": response.snapshot_version,
            "rows": response.request.payload.rows,
            "duration_ms": round(took_s * 1000, 3),
        },
    )


def _timeout_s(stage: Stage, request: Request) -> float:
    if request.timeout_s is None:
        return stage.spec.timeout_s
    return min(request.timeout_s, stage.spec.timeout_s)


def _modelled(stage: Stage, payload: Payload) -> RawColumns:
    """The columns without the one that only the route needs."""
    columns = payload.columns
    if stage.drops is None or stage.drops not in columns:
        return columns
    return {name: values for name, values in columns.items() if name != stage.drops}
