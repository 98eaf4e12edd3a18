"""One request's way, from decoded rows to an answer. The only place that knows the order."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import NamedTuple

from serve_app.core.cache import Lookup
from serve_app.core.caller import Caller
from serve_app.core.coarsening import (
    EVERYTHING,
    Details,
    check_explained,
    check_method,
    coarsened,
    coarsened_explanation,
)
from serve_app.core.columns import Columns
from serve_app.core.detail import FULL
from serve_app.core.distinct import row_hashes
from serve_app.core.flow import OWNER
from serve_app.core.identifiers import OwnedIds
from serve_app.core.messages import Answer, Payload, RawColumns, Request, Response
from serve_app.core.offload import IN_PLACE, LARGE_CELLS, LARGE_ROWS, Offload
from serve_app.core.plan import Plan
from serve_app.core.ports import Clock, Ids, Recorder
from serve_app.core.record import Record
from serve_app.core.refusals import moved
from serve_app.core.sharing import Sharing
from serve_app.engine.explain import TIMEOUT_S, Explained
from serve_app.engine.liveness import IsAlive, always, can_answer
from serve_app.engine.shedding import Shedding
from serve_app.engine.stages import Mirrored, Resolved, Stage, Stages
from serve_app.engine.visible import Views
from serve_app.errors import RowsRefused
from serve_app.monitoring.catalogue import Sample
from serve_app.monitoring.counting import Counting
from serve_app.security.distinct_rows import DistinctRows
from serve_app.security.limits import NO_LIMITS, RowLimiter

logger = logging.getLogger("serve_app.predict")


class _Predicted(NamedTuple):
    """An answer, the valid rows that it is to, and these prepared where all of them were."""

    response: Response
    columns: Columns
    features: Columns | None


class Predictor:
    """Answers requests under the snapshot that stands when they arrive.

    What takes long in large requests is done by `offload`, so that the others go on. `limiter`
    says how many rows callers may ask about, `distinct` how many different ones, `shedding` how
    many requests come in at once, `sharing` whose are worked on, and `details` how exactly callers
    learn answers.
    """

    def __init__(  # noqa: PLR0913 - every part by its name
        self,
        *,
        clock: Clock,
        ids: Ids,
        offload: Offload = IN_PLACE,
        is_alive: IsAlive = always,
        counting: Counting | None = None,
        recorder: Recorder | None = None,
        limiter: RowLimiter = NO_LIMITS,
        details: Details = EVERYTHING,
        distinct: DistinctRows | None = None,
        shedding: Shedding | None = None,
        sharing: Sharing | None = None,
    ) -> None:
        self.offload = offload
        self.counting = counting or Counting()
        self._recorders = (self.counting,) if recorder is None else (self.counting, recorder)
        self._is_alive = is_alive
        self._take_rows = limiter.take_rows
        self._detail_of = details.of
        self._distinct = distinct
        self.shedding, self.sharing = shedding, sharing
        self._clock, self._ids = clock, ids
        self._owned: OwnedIds | None = None
        self._stages = Stages()
        self._views = Views()

    @property
    def stages(self) -> Stages:
        """The stages of the snapshot that answers now."""
        return self._stages

    def stages_for(self, caller: Caller) -> Stages:
        """The same, as far as a caller may know of them."""
        return self._views.of(self._stages, caller)

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

    def samples(self) -> Iterator[Sample]:
        """What was counted of requests, and what was refused before they were read."""
        yield from self.counting.samples()
        if self.shedding is not None:
            yield from self.shedding.samples()

    def swap(self, stages: Stages) -> None:
        """Answer every later request under these stages; those on their way stay as they are."""
        self._stages = stages
        self.counting.keep(stages.endpoints.keys())

    async def predict(self, request: Request, resolved: Resolved | None = None) -> Response:
        """Limit, route, validate, look up, preprocess, ask, combine.

        `resolved` is the endpoint where somebody has looked it up already: one look-up travels
        with a request, so that it is answered under the snapshot that decoded it.

        Raises:
            NotFound: no such endpoint or version.
            InvalidInput: the rows break the schema.
            RowsRefused: they hold values that the model does not take.
            RateLimited: they are more than the caller may ask now.
            Forbidden: the caller learns nothing of what it asks for.
            Unavailable: nobody could answer in time.
            ServerFault: a model failed.
        """
        return (await self._predicted(request, resolved or self._resolved(request))).response

    async def check(self, stage: Stage, payload: Payload) -> None:
        """Return where rows fit the schema of an endpoint, and ask nobody.

        Raises:
            InvalidInput: they break it.
        """
        await self.offload.run(stage.schema.validate, _modelled(stage, payload), payload.rows)

    async def _predicted(self, request: Request, resolved: Resolved) -> _Predicted:
        """The answer, and the rows by which it was given."""
        stage, clock = resolved.stage, self._clock
        OWNER.set(request.caller.name)
        started_s = clock()
        begun = (request, stage.spec.name, resolved.snapshot, started_s)
        plan: Plan | None = None
        columns: Columns | None = None
        detail, output = self._detail_of(request.caller), stage.spec.signature.output
        try:
            if detail is not FULL:
                check_method(detail, request.payload.method, output, request.caller.name)
            self._take_rows(request.caller, stage.spec.name, request.payload.rows)
            plan = stage.plan(request)
            given, rows = _modelled(stage, request.payload), request.payload.rows
            if rows * len(stage.names) < LARGE_CELLS:
                valid, warnings = stage.schema.validate(given, rows)
            else:
                valid, warnings = await self.offload.run(stage.schema.validate, given, rows)
            columns = valid
            if self._distinct is not None:
                await self._take_distinct(self._distinct, request.caller, stage.spec.name, valid)
            deadline = started_s + _timeout_s(stage, request)
            answer, cached_rows, features = await _answered(stage, request, plan, valid, deadline)
        except BaseException as error:
            failed = Record(*begun, clock() - started_s, None, plan, columns, error=error)
            self._record(failed, stage.mirror)
            raise
        response = Response(
            request=request,
            prediction_id=self._id_for(request.caller),
            snapshot_version=resolved.snapshot,
            answer=answer if detail is FULL else coarsened(answer, detail, output, stage.labels),
            labels=stage.labels,
            warnings=warnings,
            cached_rows=cached_rows,
            several=stage.several,
        )
        took_s, given_id = clock() - started_s, response.prediction_id
        record = Record(*begun, took_s, given_id, plan, columns, answer, cached_rows)
        self._record(record, stage.mirror, features)
        return _Predicted(response, valid, features)

    async def explain(
        self, request: Request, resolved: Resolved | None = None
    ) -> tuple[Response, Explained]:
        """Predict as `predict` does, recorded as that is, and tell what the answer is made of.

        Who answered is asked for it, so that the explanation is that of the answer.

        Raises:
            InvalidInput: those who answered cannot be explained, or not together.
            Forbidden: the caller learns no reasons.
            ServeError: as `predict` raises.
        """
        if resolved is None:
            resolved = self._resolved(request)
        stage, detail = resolved.stage, self._detail_of(request.caller)
        check_explained(detail, request.caller.name)
        response, valid, features = await self._predicted(request, resolved)
        deadline = self._clock() + min(TIMEOUT_S, request.timeout_s or TIMEOUT_S)
        if features is None:
            features = await stage.prepare(valid, deadline)
        versions = response.answer.variants
        explanation = await stage.why(versions, features, deadline)
        why = await stage.why.by_columns(explanation, versions, valid, deadline)
        output = stage.spec.signature.output
        left = coarsened_explanation(why.explanation, detail, output)
        return response, why._replace(explanation=left)

    async def _take_distinct(
        self, distinct: DistinctRows, caller: Caller, endpoint: str, columns: Columns
    ) -> None:
        """Count the rows that are different from those before, of whom they are counted."""
        if distinct.counts(caller):
            offload = self.offload if columns.rows >= LARGE_ROWS else IN_PLACE
            hashes = await offload.run(row_hashes, columns, distinct.secret)
            distinct.take(caller, endpoint, hashes)

    def _resolved(self, request: Request) -> Resolved:
        return Resolved(self._stages.endpoint(request.endpoint), self._stages.version)

    def mark_with(self, owned: OwnedIds) -> None:
        """From now on identifiers say to whom they were given, and nobody else can use them."""
        self._owned = owned

    def gave(self, prediction_id: str, caller: Caller) -> bool:
        """Whether a caller was given a prediction, as far as identifiers say to whom they were."""
        return self._owned is None or self._owned.is_of(prediction_id, caller.owner)

    def owner_of(self, caller: Caller) -> str | None:
        """Whose predictions a caller may speak of by their keys; none where that is everybody's."""
        return None if self._owned is None else caller.owner

    def _id_for(self, caller: Caller) -> str:
        identifier = self._ids()
        return identifier if self._owned is None else self._owned.given(identifier, caller.owner)

    def _record(
        self, record: Record, mirror: Mirrored | None, features: Columns | None = None
    ) -> None:
        """Hand on what happened to a request, whatever it was; after shadows where it has any."""
        if mirror is None:
            for recorder in self._recorders:
                recorder.record(record)
        else:
            self.counting.record(record)
            mirror(record, features)
        if logger.isEnabledFor(logging.DEBUG):
            _log(record)


async def _answered(
    stage: Stage, request: Request, plan: Plan, columns: Columns, deadline: float
) -> tuple[Answer, int | None, Columns | None]:
    """The answer to valid rows, how many of them a cache knew, and all of them prepared.

    Where a cache knew some, they were not all prepared: then there are none.
    """
    ask, cache = stage.ways[request.payload.method]
    lookup = cache.find(plan, columns, request.caller.tenant)
    fresh = features = None
    if lookup.missing is not None:
        try:
            features = await stage.prepare(lookup.missing, deadline)
            fresh = await ask(plan, features, deadline)
        except RowsRefused as error:
            raise _of_the_request(error, lookup) from error
    answer, cached_rows = cache.complete(lookup, fresh)
    return answer, cached_rows, None if cached_rows else features


def _of_the_request(error: RowsRefused, lookup: Lookup) -> RowsRefused:
    """A refusal by the row of the request, of which models are not asked what a cache knows."""
    row = error.details.get("row")
    return error if row is None or not lookup.hits else moved(error, lookup.row(row))


def _log(record: Record) -> None:
    logger.debug(
        "predicted",
        extra={
            "endpoint": record.endpoint,
            "request_id": record.request.id,
            "prediction_id": record.prediction_id,
            "variants": () if record.answer is None else record.answer.variants,
            "outcome": record.outcome,
            "snapshot": record.snapshot,
            "rows": record.request.payload.rows,
            "duration_ms": round(record.took_s * 1000, 3),
        },
    )


def _timeout_s(stage: Stage, request: Request) -> float:
    if request.timeout_s is None:
        return stage.spec.timeout_s
    return min(request.timeout_s, stage.spec.timeout_s)


def _modelled(stage: Stage, payload: Payload) -> RawColumns:
    """The columns without those that only the route or the records need."""
    columns, drops = payload.columns, stage.drops
    if not drops or drops.isdisjoint(columns):
        return columns
    return {name: values for name, values in columns.items() if name not in drops}
