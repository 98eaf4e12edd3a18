"""Wherever a version computes, and whether or not rows are cached, the answers are the same."""

import asyncio
import itertools

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from serve_app.config import ControlSettings
from serve_app.control.declare import declare
from serve_app.core.lanes import Lanes
from serve_app.core.messages import PREDICT, RAW_SCORES, Payload, Request
from serve_app.core.snapshot import Snapshot
from serve_app.engine.assemble import Assembler
from serve_app.engine.coalesced import CoalescedModels, Limits
from serve_app.engine.load import load
from serve_app.engine.local import InlineModels, LocalModels
from serve_app.engine.predict import Predictor
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import DeadlineExceeded, NotReady, RowsRefused
from serve_app.models.frames import to_columns
from serve_app.registry.store import Registry
from serve_app.tasks import task_named

PREDICTING, SCORING = task_named("predict"), task_named("raw_scores")
EXPLAINING = task_named("explain")
LIMITS = Limits(max_rows=64, max_calls=2, max_waiting_rows=10_000, slow_call_s=0.02)
VERSIONS = ("fast@1", "slow@1")
_numbers = itertools.count()


@pytest.fixture(scope="module")
def data():
    import pandas as pd

    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"age": rng.normal(50, 10, 200), "dose": rng.normal(2, 1, 200)})
    return frame, np.where(frame["age"] + 5 * frame["dose"] > 60, "ill", "well")


@pytest.fixture(scope="module")
def registry(data):
    """A model that is compiled and one that its library computes."""
    frame, label = data
    store = Registry(f"memory://placements-{next(_numbers)}")
    compiled = register(store, Candidate("fast", LogisticRegression().fit(frame, label), frame))
    slow = Candidate("slow", SVC(kernel="rbf").fit(frame, label), frame)
    native = register(store, slow, compile="never")
    assert compiled.compiled.served
    assert native.compiled is None
    return store


@pytest.fixture
def thread():
    with Lanes("tests") as pool:
        yield pool


def loaded(registry):
    return {v: load(registry, v.partition("@")[0], 1) for v in VERSIONS}


def local(registry, thread):
    return LocalModels({v: one.model for v, one in loaded(registry).items()}, clock=lambda: 0.0)


def threaded(registry, thread):
    models = {v: one.model for v, one in loaded(registry).items()}
    return LocalModels(models, clock=lambda: 0.0, lanes=thread)


def coalesced(registry, thread):
    return CoalescedModels(local(registry, thread), clock=lambda: 0.0, limits=LIMITS)


def inline(registry, thread):
    made = InlineModels(clock=lambda: 0.0, limits=LIMITS, lanes=thread)
    made.replace(loaded(registry))
    return made


PLACEMENTS = pytest.mark.parametrize("placed", [local, threaded, coalesced, inline])


@PLACEMENTS
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("rows", [1, 7, 200])
def test_a_version_answers_like_itself(placed, version, rows, registry, thread, data):
    columns = to_columns(data[0]).slice(0, rows)
    direct = load(registry, version.partition("@")[0], 1).model.predict(columns)
    said = asyncio.run(placed(registry, thread).ask(version, PREDICTING, columns, 1.0))
    assert said.values.tolist() == direct.values.tolist()
    if direct.probabilities is not None:
        assert said.probabilities.tobytes() == direct.probabilities.tobytes()


@PLACEMENTS
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("rows", [1, 7, 200])
def test_raw_scores_are_the_same_everywhere(placed, version, rows, registry, thread, data):
    columns = to_columns(data[0]).slice(0, rows)
    model = load(registry, version.partition("@")[0], 1).model
    direct = model.predict_with_scores(columns)
    said = asyncio.run(placed(registry, thread).ask(version, SCORING, columns, 1.0))
    assert said.scores.tobytes() == direct.scores.tobytes()
    assert said.values.tolist() == model.predict(columns).values.tolist()


@PLACEMENTS
def test_raw_scores_that_come_together_are_each_ones_own(placed, registry, thread, data):
    columns = to_columns(data[0])

    async def asked():
        models = placed(registry, thread)
        parts = [columns.slice(j, j + 1) for j in range(20)]
        scored = (models.ask("slow@1", SCORING, part, 1.0) for part in parts)
        plain = (models.ask("slow@1", PREDICTING, part, 1.0) for part in parts)
        return await asyncio.gather(*scored, *plain)

    direct = load(registry, "slow", 1).model.predict_with_scores(columns.slice(0, 20))
    said = asyncio.run(asked())
    assert [one.scores[0] for one in said[:20]] == pytest.approx(direct.scores.tolist())
    assert all(one.scores is None for one in said[20:])


@PLACEMENTS
def test_rows_that_come_together_each_get_their_own_answer(placed, registry, thread, data):
    columns = to_columns(data[0])

    async def asked():
        models = placed(registry, thread)
        parts = [columns.slice(j, j + 1) for j in range(20)]
        return await asyncio.gather(
            *(models.ask("fast@1", PREDICTING, part, 1.0) for part in parts)
        )

    direct = load(registry, "fast", 1).model.predict(columns.slice(0, 20))
    said = [prediction.values[0] for prediction in asyncio.run(asked())]
    assert said == direct.values.tolist()


@PLACEMENTS
def test_what_is_not_loaded_is_not_ready(placed, registry, thread, data):
    with pytest.raises(NotReady):
        asyncio.run(placed(registry, thread).ask("other@1", PREDICTING, to_columns(data[0]), 1.0))


@PLACEMENTS
def test_nothing_begins_after_its_deadline(placed, registry, thread, data):
    with pytest.raises(DeadlineExceeded):
        asyncio.run(placed(registry, thread).ask("fast@1", PREDICTING, to_columns(data[0]), 0.0))


@PLACEMENTS
@pytest.mark.parametrize("version", VERSIONS)
def test_rows_that_the_library_refuses_are_a_failure(placed, version, registry, thread, data):
    frame = data[0].head(1).assign(dose=np.nan)
    with pytest.raises(RowsRefused):
        asyncio.run(placed(registry, thread).ask(version, PREDICTING, to_columns(frame), 1.0))


@pytest.mark.parametrize("placement", ["inline", "replicas"])
@pytest.mark.parametrize("cache", [None, {"rows": 50, "ttl_s": 10}])
@pytest.mark.parametrize("name", ["fast", "slow"])
def test_an_endpoint_answers_alike_whatever_its_yaml_says(
    placement, cache, name, registry, thread, data
):
    frame, _ = data
    settings = {"route": {"kind": "single", "model": f"{name}@1"}, "placement": placement}
    declared = {"endpoints": {"e": {**settings, "cache": cache}}}
    endpoints = declare(ControlSettings.model_validate(declared), registry.manifest).checked()

    class Elsewhere:
        """What is not asked in this placement."""

    here = inline(registry, thread)
    pair = {"replicas": Elsewhere(), "inline": Elsewhere(), placement: here}
    assembler = Assembler(**pair, clock=lambda: 0.0)
    predictor = Predictor(clock=lambda: 0.0, ids=lambda: "id")
    predictor.swap(assembler.stages(Snapshot(1, "hash", endpoints)))
    direct = load(registry, name, 1).model.predict(to_columns(frame)).values.tolist()

    async def asked(start, stop, method=PREDICT):
        part = frame[start:stop]
        columns = {column: part[column].tolist() for column in part}
        payload = Payload(columns, len(part), method=method)
        return await predictor.predict(Request("e", payload, "r"))

    scores = load(registry, name, 1).model.predict_with_scores(to_columns(frame)).scores
    assert asyncio.run(asked(0, 9)).answer.prediction.scores is None
    scored = asyncio.run(asked(0, 9, RAW_SCORES))
    assert scored.answer.prediction.scores == pytest.approx(scores[:9])
    assert scored.cached_rows is None
    for start, stop in [(0, 30), (20, 40), (5, 6), (0, 200)]:
        response = asyncio.run(asked(start, stop))
        assert response.answer.prediction.values.tolist() == direct[start:stop]
        assert (response.cached_rows is None) == (cache is None)
    if cache is not None:
        assert assembler.caches["e"].hits >= 11


def test_an_inline_endpoint_needs_no_application_and_what_it_loads_is_said(registry):
    declared = {
        "e": {"route": {"kind": "single", "model": "fast@1"}, "placement": "inline"},
        "f": {"route": {"kind": "single", "model": "fast@1"}, "fallback": "slow@1"},
    }
    endpoints = declare(
        ControlSettings.model_validate({"endpoints": declared}), registry.manifest
    ).checked()
    assert (endpoints["e"].needs(), endpoints["e"].loads()) == (frozenset(), {"fast@1"})
    assert (endpoints["f"].needs(), endpoints["f"].loads()) == ({"fast@1"}, frozenset())
    assert endpoints["f"].asks() == {"fast@1", "slow@1"}


def test_caches_outlive_new_weights_and_no_other_change(registry):
    def stages(assembler, weight, **more):
        route = {
            "kind": more.pop("kind", "split"),
            "variants": [{"model": "fast@1", "weight": weight}, {"model": "slow@1", "weight": 1}],
        }
        if route["kind"] == "ensemble":
            route["combine"] = "vote"
        settings = {"route": route, "cache": {"rows": 5, "ttl_s": 10}, **more}
        declared = ControlSettings.model_validate({"endpoints": {"e": settings}})
        endpoints = declare(declared, registry.manifest).checked()
        assembler.stages(Snapshot(1, "hash", endpoints))
        return assembler.caches["e"]

    models = LocalModels({}, clock=lambda: 0.0)
    assembler = Assembler(replicas=models, inline=models, clock=lambda: 0.0)
    first = stages(assembler, 1)
    assert stages(assembler, 5) is first
    assert stages(assembler, 5, timeout_s=3.0) is not first
    voting = stages(assembler, 5, kind="ensemble")
    assert stages(assembler, 6, kind="ensemble") is not voting


@PLACEMENTS
@pytest.mark.parametrize("version", VERSIONS)
def test_explanations_are_the_same_everywhere(placed, version, registry, thread, data):
    columns = to_columns(data[0]).slice(0, 5)
    direct = load(registry, version.partition("@")[0], 1).model.ask(EXPLAINING, columns)
    again = asyncio.run(placed(registry, thread).ask(version, EXPLAINING, columns, 100.0))
    assert again.contributions.tobytes() == direct.contributions.tobytes()
    assert (again.methods, again.space) == (direct.methods, direct.space)


@PLACEMENTS
def test_predictions_go_on_while_something_is_explained(placed, registry, thread, data):
    columns = to_columns(data[0]).slice(0, 5)
    models = placed(registry, thread)

    async def asked():
        first = asyncio.ensure_future(models.ask("slow@1", EXPLAINING, columns, 100.0))
        predicted = 0
        while not first.done():
            await models.ask("fast@1", PREDICTING, columns, 100.0)
            predicted += 1
            await asyncio.sleep(0)
        await first
        return predicted

    assert asyncio.run(asked()) > 1


@PLACEMENTS
def test_an_explanation_that_comes_too_late_is_given_up(placed, registry, thread, data):
    columns = to_columns(data[0])
    with pytest.raises(DeadlineExceeded):
        asyncio.run(placed(registry, thread).ask("slow@1", EXPLAINING, columns, 0.001))
