"""Shadows are shown requests after their answers, within bounds, and change none of them."""

import asyncio
import itertools
import threading
import time
from typing import NamedTuple

import numpy as np
import pytest

from serve_app.config import ControlSettings
from serve_app.control.declare import declare
from serve_app.core.messages import Payload, Prediction, Request
from serve_app.core.record_settings import is_sampled
from serve_app.core.snapshot import Snapshot
from serve_app.engine.assemble import Assembler
from serve_app.engine.coalesced import Limits
from serve_app.engine.load import load
from serve_app.engine.local import FEW_ROWS, InlineShadows, LocalModels
from serve_app.engine.mirroring import Mirroring, MirrorLimits
from serve_app.engine.predict import Predictor
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import DeadlineExceeded, InvalidInput, ModelFailed, NotReady, Overloaded
from serve_app.models.frames import to_columns
from serve_app.tasks import task_named

SHADOWED = {
    "route": {"kind": "single", "model": "logistic@1"},
    "shadows": [{"model": "other@1", "timeout_s": 0.2}],
}
LONG_S = 5.0


class Records(list):
    """Keeps every record."""

    record = list.append


class Models:
    """Real models by version, some of which do something else; `asked` says who was asked."""

    def __init__(self, registry, **instead):
        names = ("logistic", "other", "line", "scaler")
        loaded = {f"{name}@1": load(registry, name, 1).model for name in names}
        self.local = LocalModels(loaded, clock=lambda: 0.0)
        self.instead, self.asked = instead, []

    async def ask(self, version, task, columns, deadline):
        self.asked.append((version, columns))
        instead = self.instead.get(version.partition("@")[0])
        if instead is not None:
            return await instead(self.local.ask(version, task, columns, deadline), columns)
        return await self.local.ask(version, task, columns, deadline)


class House:
    """A predictor of one endpoint `e`, with its records and what shows requests to shadows."""

    def __init__(self, registry, body=SHADOWED, *, is_busy=lambda: False, limits=None, **instead):
        self.records, self.models = Records(), Models(registry, **instead)
        self.mirroring = Mirroring(
            clock=lambda: 0.0,
            recorder=self.records,
            inline=self.models,
            limits=limits or MirrorLimits(),
            is_busy=is_busy,
        )
        numbers = itertools.count(1)
        self.predictor = Predictor(
            clock=lambda: 0.0, ids=lambda: f"id-{next(numbers)}", recorder=self.records
        )
        settings = ControlSettings.model_validate({"endpoints": {"e": body}})
        self.assembler = Assembler(
            replicas=self.models, inline=self.models, clock=lambda: 0.0, draw=lambda: 0.0,
            mirroring=self.mirroring,
        )  # fmt: skip
        endpoints = declare(settings, registry.manifest).checked()
        self.predictor.swap(self.assembler.stages(Snapshot(7, "hash", endpoints)))
        self.mirroring.follow(endpoints.values())

    async def ask(self, frame, **more):
        columns = {name: frame[name].tolist() for name in frame}
        payload = Payload(columns, len(frame), method=more.pop("method", "predict"))
        return await self.predictor.predict(Request("e", payload, "request", **more))

    def run(self, work):
        """Do something while shadows are asked, and return when these are done."""

        async def whole():
            running = asyncio.create_task(self.mirroring.run())
            try:
                result = await work()
                async with asyncio.timeout(LONG_S):
                    while self.mirroring.waits:  # noqa: ASYNC110 - nothing tells when
                        await asyncio.sleep(0.001)
                return result
            finally:
                running.cancel()
                await self.mirroring.close()

        return asyncio.run(whole())

    def answers(self, *frames, **more):
        async def work():
            return [await self.ask(frame, **more) for frame in frames]

        return self.run(work)

    def counts(self):
        """What became of requests at shadows, by the labels without the endpoint."""
        return {
            one.labels[1:]: one.value
            for one in self.mirroring.samples()
            if one.value and one.metric.name.endswith(("shadow_requests", "shadow_dropped"))
        }


def outcomes(record):
    return [(one.version, one.outcome) for one in record.shadows]


def test_a_shadow_answers_into_the_record_of_the_same_request(registry, models, frame):
    house = House(registry)
    (response,) = house.answers(frame)
    (record,) = house.records
    assert record.prediction_id == response.prediction_id == "id-1"
    assert record.answer is response.answer
    assert response.answer.variants == ("logistic@1",)
    (shadow,) = record.shadows
    assert (shadow.version, shadow.outcome, shadow.sample) == ("other@1", "answered", 1.0)
    direct = models["other"][0].predict_proba(frame)
    assert shadow.prediction.probabilities == pytest.approx(direct, rel=1e-12)
    assert house.predictor.counting.counts("e").answered == 1
    assert house.counts() == {("other@1", "answered"): 1}


def test_the_answer_comes_before_any_shadow_is_asked(registry, frame):
    house = House(registry)

    async def work():
        await house.ask(frame[:1])
        return [version for version, _ in house.models.asked]

    assert house.run(work) == ["logistic@1"]
    assert [version for version, _ in house.models.asked] == ["logistic@1", "other@1"]


async def raises(answer, columns):
    answer.close()
    raise ZeroDivisionError


async def fails(answer, columns):
    answer.close()
    raise ModelFailed("no")


async def exits(answer, columns):
    answer.close()
    raise SystemExit(3)


async def hangs(answer, columns):
    answer.close()
    await asyncio.sleep(3600)


async def refuses(answer, columns):
    answer.close()
    raise Overloaded("too many")


async def too_short(answer, columns):
    answer.close()
    return Prediction(np.array(["ill"]))


async def mutates(answer, columns):
    given = await answer
    for array in columns.arrays:
        array[:] = 0
    return given


@pytest.mark.parametrize(
    ("instead", "outcome", "count"),
    [
        (raises, "internal", ("failed",)),
        (exits, "internal", ("failed",)),
        (fails, "model_failed", ("failed",)),
        (too_short, "model_failed", ("failed",)),
        (hangs, "timed_out", ("timed_out",)),
        (refuses, "dropped", ("dropped", "overloaded")),
        (mutates, "answered", ("answered",)),
    ],
)
def test_whatever_a_shadow_does_answers_are_the_same_to_the_bit(
    registry, frame, instead, outcome, count
):
    alone = House(registry, {"route": SHADOWED["route"]})
    house = House(registry, other=instead)
    expected, given = (one.answers(frame, frame[:2]) for one in (alone, house))
    for one, other in zip(expected, given, strict=True):
        assert one.answer.prediction.values.tolist() == other.answer.prediction.values.tolist()
        shares = (one.answer.prediction.probabilities, other.answer.prediction.probabilities)
        assert shares[0].tobytes() == shares[1].tobytes()
    assert [outcomes(record) for record in house.records] == [[("other@1", outcome)]] * 2
    assert house.counts() == {("other@1", word): 2 for word in count}
    # What is recorded of the rows is what came, whatever a shadow wrote into its own.
    assert house.records[0].columns == to_columns(frame)


def test_a_hanging_shadow_keeps_no_other_waiting(registry, models, frame):
    register(registry, Candidate("again", *models["other"]))
    body = {
        "route": {"kind": "single", "model": "logistic@1"},
        "shadows": [{"model": "other@1", "timeout_s": 0.3}, {"model": "again@1"}],
    }
    house = House(registry, body, limits=MirrorLimits(in_flight=1), other=hangs, again=fails)
    house.answers(*[frame[:1]] * 3)
    assert house.counts() == {("other@1", "timed_out"): 3, ("again@1", "failed"): 3}
    assert all(
        outcomes(record) == [("other@1", "timed_out"), ("again@1", "model_failed")]
        for record in house.records
    )


def test_what_does_not_fit_is_dropped_and_counted_and_recorded_all_the_same(registry, frame):
    house = House(registry, limits=MirrorLimits(in_flight=1, queued_rows=3))

    async def work():
        # Nobody asks shadows in between: answers do not wait for anything here.
        return [await house.predictor.predict(one) for one in requests]

    columns = {name: frame[name].tolist()[:2] for name in frame}
    requests = [Request("e", Payload(columns, 2), f"r-{n}") for n in range(3)]
    house.run(work)
    assert house.counts() == {
        ("other@1", "answered"): 1,
        ("other@1", "dropped"): 2,
        ("other@1", "queue_full"): 2,
    }
    assert sorted(outcomes(record) for record in house.records) == [
        [("other@1", "answered")],
        [("other@1", "dropped")],
        [("other@1", "dropped")],
    ]


def test_a_request_larger_than_the_queue_is_shown_where_nothing_else_waits(registry, frame):
    house = House(registry, limits=MirrorLimits(queued_rows=3))
    house.answers(frame)
    assert house.counts() == {("other@1", "answered"): 1}


def test_at_most_so_many_requests_are_with_a_shadow_at_once(registry, frame):
    most = [0, 0]

    async def counted(answer, columns):
        most[0] += 1
        most[1] = max(most)
        await asyncio.sleep(0.001)
        most[0] -= 1
        return await answer

    house = House(registry, limits=MirrorLimits(in_flight=2), other=counted)

    async def work():
        await asyncio.gather(*(house.ask(frame[:1]) for _ in range(10)))

    house.run(work)
    assert house.counts() == {("other@1", "answered"): 10}
    assert most[1] == 2


def test_shadows_are_shed_while_the_process_is_busy(registry, frame):
    house = House(registry, is_busy=lambda: True)
    house.answers(frame[:1])
    assert house.counts() == {("other@1", "dropped"): 1, ("other@1", "busy"): 1}
    assert outcomes(house.records[0]) == [("other@1", "dropped")]
    assert [version for version, _ in house.models.asked] == ["logistic@1"]


def test_the_share_that_is_shown_follows_from_the_ids(registry, frame):
    body = {**SHADOWED, "shadows": [{"model": "other@1", "sample": 0.3}]}
    house = House(registry, body, limits=MirrorLimits(queued_rows=10_000))
    house.answers(*[frame[:1]] * 1_000)
    shown = {record.prediction_id for record in house.records if record.shadows}
    assert shown == {f"id-{n}" for n in range(1, 1_001) if is_sampled(f"id-{n}", 0.3)}
    # Five standard deviations of 1,000 draws.
    assert abs(len(shown) - 300) < 5 * (1_000 * 0.3 * 0.7) ** 0.5
    assert {one.sample for record in house.records for one in record.shadows} == {0.3}


def test_classes_in_another_order_are_brought_to_that_of_the_endpoint(registry, models, frame):
    async def turned(answer, columns):
        given = await answer
        return Prediction(given.values, given.probabilities[:, ::-1])

    house = House(registry, other=turned)
    stage = house.predictor.stages.endpoints["e"]
    mirror = stage.mirror.args[0]
    variant = mirror.shadows[0].variant
    object.__setattr__(variant, "labels", ("well", "ill"))
    house.answers(frame)
    (shadow,) = house.records[0].shadows
    direct = models["other"][0].predict_proba(frame)
    assert shadow.prediction.probabilities == pytest.approx(direct, rel=1e-12)


def test_rows_that_a_cache_answered_are_shown_as_well(registry, frame):
    house = House(registry, {**SHADOWED, "cache": {"rows": 100}})
    first, second = house.answers(frame[:2], frame[:3])
    assert (first.cached_rows, second.cached_rows) == (0, 2)
    assert [len(record.shadows[0].prediction.values) for record in house.records] == [2, 3]


def test_preprocessing_is_done_once_for_answer_and_shadow(registry, frame):
    body = {
        "preprocess": {"model": "scaler@1"},
        "route": {"kind": "single", "model": "logistic@1"},
        "shadows": [{"model": "other@1"}],
    }
    house = House(registry, body)
    house.answers(frame)
    assert [version for version, _ in house.models.asked] == ["scaler@1", "logistic@1", "other@1"]
    (_, answered), (_, shown) = house.models.asked[1:]
    assert answered == shown
    assert answered is not shown


def test_where_the_variants_failed_the_shadow_is_compared_with_the_failure(registry, frame):
    house = House(registry, logistic=fails)

    async def work():
        with pytest.raises(ModelFailed):
            await house.ask(frame[:1])

    house.run(work)
    (record,) = house.records
    assert (record.outcome, record.prediction_id) == ("model_failed", None)
    assert outcomes(record) == [("other@1", "answered")]


def test_a_fallback_that_is_a_shadow_is_not_asked_twice(registry, frame):
    body = {**SHADOWED, "fallback": "other@1"}
    house = House(registry, body, logistic=fails)
    (response,) = house.answers(frame[:1])
    assert response.answer.fallback
    assert house.records[0].shadows == ()


@pytest.mark.parametrize("error", [Overloaded("too many"), InvalidInput("no")])
def test_what_was_too_many_or_at_fault_itself_is_shown_to_nobody(registry, frame, error):
    async def refused(answer, columns):
        answer.close()
        raise error

    house = House(registry, logistic=refused)
    with pytest.raises(type(error)):
        house.answers(frame[:1])
    assert [record.shadows for record in house.records] == [()]


def test_a_version_that_answered_is_not_asked_again(registry, frame):
    body = {
        "route": {
            "kind": "split",
            "variants": [{"model": "logistic@1", "weight": 1}, {"model": "other@1", "weight": 1}],
        },
        "shadows": [{"model": "other@1"}],
    }
    house = House(registry, body)
    house.answers(frame[:1], version="other@1")
    house.answers(frame[:1], version="logistic@1")
    assert [outcomes(record) for record in house.records] == [[], [("other@1", "answered")]]


def test_what_waits_at_the_end_is_recorded_as_dropped(registry, frame):
    house = House(registry, other=hangs)

    async def ended():
        running = asyncio.create_task(house.mirroring.run())
        for _ in range(10):
            await house.ask(frame[:1])
        await asyncio.sleep(0)
        running.cancel()
        await house.mirroring.close()

    asyncio.run(ended())
    assert [outcomes(record) for record in house.records] == [[("other@1", "dropped")]] * 10
    assert house.counts() == {("other@1", "dropped"): 10, ("other@1", "ended"): 10}


def test_a_shadow_that_is_taken_away_drops_what_waits_for_it(registry, frame):
    house = House(registry)

    async def work():
        await house.ask(frame[:1])
        house.mirroring.follow([])

    house.run(work)
    assert outcomes(house.records[0]) == [("other@1", "dropped")]
    assert list(house.mirroring.samples()) == []


def test_every_shadow_has_its_counts_from_the_start(registry):
    house = House(registry)
    samples = {(one.metric.name, *one.labels): one.value for one in house.mirroring.samples()}
    for outcome in ("answered", "failed", "timed_out", "dropped"):
        assert samples["serve_app_shadow_requests", "e", "other@1", outcome] == 0


def test_without_shadows_nothing_is_between_an_answer_and_its_record(registry, frame):
    house = House(registry, {"route": SHADOWED["route"]})
    assert house.predictor.stages.endpoints["e"].mirror is None
    asyncio.run(house.ask(frame[:1]))
    assert [record.shadows for record in house.records] == [()]


class Slow:
    """A model that holds its thread."""

    def ask(self, task, columns):
        time.sleep(0.2)
        return Prediction(np.zeros(columns.rows))


class Quick:
    """A model that does not."""

    def ask(self, task, columns):
        return Prediction(np.ones(columns.rows))


class Held(NamedTuple):
    """What of a loaded version shadows need."""

    model: object
    compiled: bool


def test_few_rows_of_a_compiled_shadow_are_computed_where_it_is_asked(frame):
    limits = Limits(max_rows=10, max_calls=1, max_waiting_rows=1_000, slow_call_s=1.0)
    shadows, threads = InlineShadows(clock=time.monotonic, limits=limits), []

    class Watched(Quick):
        def ask(self, task, columns):
            threads.append(threading.current_thread())
            return super().ask(task, columns)

    shadows.replace({"quick@1": Held(Watched(), compiled=True)})

    async def ask(rows):
        deadline, task = time.monotonic() + LONG_S, task_named("predict")
        columns = to_columns(frame.iloc[:rows])
        assert len((await shadows.ask("quick@1", task, columns, deadline)).values) == rows

    asyncio.run(ask(FEW_ROWS))
    asyncio.run(ask(FEW_ROWS + 1))
    assert threads[0] is threading.main_thread()
    assert threads[1] is not threading.main_thread()


class Hung:
    """A model that answers once it is let go."""

    def __init__(self):
        self.released, self.calls = threading.Event(), 0

    def ask(self, task, columns):
        self.calls += 1
        self.released.wait(LONG_S)
        return Prediction(np.zeros(columns.rows))


def test_a_shadow_that_hangs_in_this_process_piles_up_nothing(frame):
    limits = Limits(max_rows=10, max_calls=2, max_waiting_rows=100, slow_call_s=0.01)
    shadows, hung = InlineShadows(clock=time.monotonic, limits=limits), Hung()
    shadows.replace({"hung@1": Held(hung, compiled=False)})

    async def ask():
        for _ in range(6):
            deadline, task = time.monotonic() + 0.03, task_named("predict")
            with pytest.raises(DeadlineExceeded):
                await shadows.ask("hung@1", task, to_columns(frame[:1]), deadline)

    try:
        asyncio.run(ask())
        assert hung.calls <= 2
    finally:
        hung.released.set()


def test_shadows_in_this_process_have_a_thread_each(frame):
    limits = Limits(max_rows=10, max_calls=1, max_waiting_rows=100, slow_call_s=1.0)
    shadows = InlineShadows(clock=time.monotonic, limits=limits)
    slow, quick = (Held(model, compiled=False) for model in (Slow(), Quick()))
    shadows.replace({"slow@1": slow, "quick@1": quick})
    order = []

    async def ask(version):
        deadline = time.monotonic() + LONG_S
        await shadows.ask(version, task_named("predict"), to_columns(frame[:1]), deadline)
        order.append(version)

    async def both():
        await asyncio.gather(ask("slow@1"), ask("quick@1"))
        shadows.replace({"quick@1": quick})
        with pytest.raises(NotReady, match="slow@1 is not loaded here"):
            await ask("slow@1")

    asyncio.run(both())
    assert order == ["quick@1", "slow@1"]
