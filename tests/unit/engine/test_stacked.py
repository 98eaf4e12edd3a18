"""A meta-model answers by what members gave, as scikit-learn's stacks do."""

import asyncio
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import (
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB

from serve_app.control.declare import read
from serve_app.core.messages import Failure, Payload, Request
from serve_app.core.snapshot import Endpoint, Snapshot
from serve_app.engine.assemble import Assembler
from serve_app.engine.load import load
from serve_app.engine.local import LocalModels
from serve_app.engine.predict import Predictor
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import DeadlineExceeded, ModelFailed, NotReady
from tests.conftest import made

FRAME, TRUTH = made()
HELD_OUT = slice(60, None)


def declared(registry, route, **more):
    body = {"endpoints": {"e": {"placement": "inline", "route": route, **more}}}
    return read(body, registry.manifest, registry.resolve).checked()["e"]


def stack_of(*members, meta="stacker@1", **more):
    variants = [{"model": model} for model in members]
    return {"kind": "ensemble", "combine": "stack", "meta": meta, "variants": variants, **more}


class Failing:
    """Models of which some fail; `asked` says which were asked."""

    def __init__(self, models, errors=()):
        self._models, self._errors, self.asked = models, dict(errors), []

    async def ask(self, version, task, columns, deadline):
        self.asked.append((version, task.name, deadline))
        if version in self._errors:
            raise self._errors[version]
        return await self._models.ask(version, task, columns, deadline)


def house(registry, spec, errors=()):
    names = sorted(spec.asks())
    models = {name: load(registry, *registry.resolve(name)).model for name in names}
    failing = Failing(LocalModels(models, clock=lambda: 0.0), errors)
    predictor = Predictor(clock=lambda: 0.0, ids=lambda: "id")
    assembler = Assembler(replicas=failing, inline=failing, clock=lambda: 0.0)
    # Gateways read a snapshot as JSON.
    predictor.swap(assembler.stages(Snapshot(1, "h", {"e": Endpoint.from_json(spec.to_json())})))
    return predictor, failing


def request(frame, method="predict", **more):
    columns = {name: frame[name].tolist() for name in frame}
    return Request("e", Payload(columns, len(frame), method=method), "r", **more)


def answer(registry, spec, frame, errors=(), **more):
    predictor, _ = house(registry, spec, errors)
    return asyncio.run(predictor.predict(request(frame, **more))).answer


@pytest.fixture
def stacked(registry, models):
    """The stack of scikit-learn of two members that are registered, on rows they were not of."""
    members = [(name, models[name][0]) for name in ("logistic", "other")]
    stack = StackingClassifier(members, final_estimator=LogisticRegression(), cv="prefit")
    stack.fit(FRAME[HELD_OUT], TRUTH[HELD_OUT])
    columns = pd.DataFrame(stack.transform(FRAME[HELD_OUT]))
    register(
        registry, Candidate("stacker", stack.final_estimator_, columns, labels=list(stack.classes_))
    )
    return stack


def test_probabilities_are_those_of_scikit_learn_s_stack(registry, stacked):
    spec = declared(registry, stack_of("logistic@1", "other@1"))
    given = answer(registry, spec, FRAME)
    assert given.variants == ("logistic@1", "other@1")
    assert given.prediction.values.tolist() == stacked.predict(FRAME).tolist()
    np.testing.assert_allclose(
        given.prediction.probabilities, stacked.predict_proba(FRAME), rtol=0, atol=1e-12
    )


def test_members_in_another_order_are_another_stack_by_position(registry, stacked):
    spec = declared(registry, stack_of("other@1", "logistic@1"))
    given = answer(registry, spec, FRAME).prediction.probabilities
    assert np.abs(given - stacked.predict_proba(FRAME)).max() > 0.01


@pytest.fixture
def irises():
    return load_iris(as_frame=True, return_X_y=True)


def test_three_classes_with_columns_of_the_rows_are_as_scikit_learn_passes_them(registry, irises):
    frame, number = irises
    truth = np.array(["setosa", "versicolor", "virginica"], dtype=object)[number]
    train = np.arange(len(frame)) % 2 == 0
    members = [
        ("bayes", GaussianNB().fit(frame[train], truth[train])),
        ("ridge", RidgeClassifier().fit(frame[train], truth[train])),
    ]
    for name, member in members:
        register(registry, Candidate(name, member, frame[train]), compile="never")
    stack = StackingClassifier(
        members, LogisticRegression(max_iter=2000), cv="prefit", passthrough=True
    ).fit(frame[~train], truth[~train])
    columns = pd.DataFrame(np.asarray(stack.transform(frame[~train])))
    register(
        registry, Candidate("stacker", stack.final_estimator_, columns, labels=list(stack.classes_))
    )
    route = stack_of("bayes@1", "ridge@1", with_columns=list(frame.columns))
    spec = declared(registry, route)
    # RidgeClassifier has scores and no probabilities.
    assert spec.meta.scored() == {"ridge@1"}
    given = answer(registry, spec, frame).prediction
    assert given.values.tolist() == stack.predict(frame).tolist()
    np.testing.assert_allclose(given.probabilities, stack.predict_proba(frame), rtol=0, atol=1e-9)


def test_numbers_are_those_of_scikit_learn_s_stack(registry):
    frame, truth = load_diabetes(as_frame=True, return_X_y=True)
    train = np.arange(len(frame)) % 2 == 0
    members = [
        ("line2", LinearRegression().fit(frame[train], truth[train])),
        ("trees", RandomForestRegressor(20, random_state=0).fit(frame[train], truth[train])),
    ]
    for name, member in members:
        register(registry, Candidate(name, member, frame[train]), compile="never")
    stack = StackingRegressor(members, LinearRegression(), cv="prefit")
    stack.fit(frame[~train], truth[~train])
    columns = pd.DataFrame(stack.transform(frame[~train]))
    register(registry, Candidate("stacker", stack.final_estimator_, columns))
    given = answer(registry, declared(registry, stack_of("line2@1", "trees@1")), frame)
    np.testing.assert_allclose(given.prediction.values, stack.predict(frame), rtol=1e-9)


@pytest.fixture
def named(registry):
    """A meta-model that knows its columns by name, in another order than the members'."""
    shares = {
        f"{name}@1:well": load(registry, name, 1).model.predict(_columns(FRAME)).probabilities[:, 1]
        for name in ("other", "logistic")
    }
    rows = pd.DataFrame({**shares, "age": FRAME["age"]})
    estimator = RandomForestClassifier(10, random_state=0).fit(rows[HELD_OUT], TRUTH[HELD_OUT])
    register(registry, Candidate("stacker", estimator, rows[HELD_OUT]), compile="never")
    return estimator, rows


def _columns(frame):
    from serve_app.models.frames import to_columns

    return to_columns(frame)


def test_named_columns_are_each_member_s_whatever_their_order(registry, named):
    estimator, rows = named
    for order in (("logistic@1", "other@1"), ("other@1", "logistic@1")):
        spec = declared(registry, stack_of(*order, with_columns=["age"]))
        given = answer(registry, spec, FRAME).prediction
        np.testing.assert_allclose(given.probabilities, estimator.predict_proba(rows), atol=1e-12)


def test_a_member_that_fails_lets_the_fallback_answer(registry, stacked):
    spec = declared(registry, stack_of("logistic@1", "other@1"), fallback="other@1")
    for failing in ("logistic@1", "stacker@1"):
        given = answer(registry, spec, FRAME, {failing: ModelFailed("no")})
        assert (given.variants, given.fallback) == (("other@1",), True)
        assert given.left_out == (Failure(failing, "model_failed"),)


def test_without_a_fallback_the_failure_is_the_answer(registry, stacked):
    spec = declared(registry, stack_of("logistic@1", "other@1"))
    for error in (ModelFailed("no"), DeadlineExceeded("late"), NotReady("not yet")):
        with pytest.raises(type(error)):
            answer(registry, spec, FRAME, {"other@1": error})


def test_members_have_their_share_of_the_time_and_the_meta_model_what_is_left(registry, stacked):
    spec = declared(registry, stack_of("logistic@1", "other@1"), timeout_s=5.0)
    predictor, models = house(registry, spec)
    asyncio.run(predictor.predict(request(FRAME)))
    assert models.asked == [
        ("logistic@1", "predict", 4.0), ("other@1", "predict", 4.0), ("stacker@1", "predict", 5.0),
    ]  # fmt: skip


def test_a_client_that_names_a_member_is_answered_by_it(registry, stacked, models):
    spec = declared(registry, stack_of("logistic@1", "other@1"))
    given = answer(registry, spec, FRAME, version="other@1")
    assert given.variants == ("other@1",)
    np.testing.assert_allclose(
        given.prediction.probabilities, models["other"][0].predict_proba(FRAME), atol=1e-12
    )


def test_answers_are_remembered(registry, stacked):
    spec = declared(registry, stack_of("logistic@1", "other@1"), cache={"rows": 1000})
    predictor, models = house(registry, spec)
    first = asyncio.run(predictor.predict(request(FRAME))).answer.prediction
    again = asyncio.run(predictor.predict(request(FRAME))).answer.prediction
    assert len(models.asked) == 3
    assert again.probabilities.tolist() == first.probabilities.tolist()


def test_an_answer_is_explained_by_what_members_gave(registry, stacked):
    spec = declared(registry, stack_of("logistic@1", "other@1"))
    predictor, _ = house(registry, spec)
    response, explained = asyncio.run(predictor.explain(request(FRAME.head(4))))
    explanation = explained.explanation
    assert explained.prepared_by == "stacker@1"
    assert explanation.features == ("logistic@1:well", "other@1:well")
    share = response.answer.prediction.probabilities[:, 1]
    assert explanation.space == "log_odds"
    np.testing.assert_allclose(explanation.outputs[:, 0], np.log(share / (1 - share)), atol=1e-9)
    # A linear model moves by its coefficient times what a member says.
    member = stacked.transform(FRAME.head(4))
    moved = explanation.contributions[:, :, 0] - explanation.contributions[:1, :, 0]
    coefficients = stacked.final_estimator_.coef_[0]
    np.testing.assert_allclose(moved, (member - member[:1]) * coefficients, atol=1e-9)


def test_a_member_that_is_named_is_explained_by_the_columns(registry, stacked):
    predictor, _ = house(registry, declared(registry, stack_of("logistic@1", "other@1")))
    asked = request(FRAME.head(2), version="other@1")
    explained = asyncio.run(predictor.explain(asked))[1]
    assert (explained.prepared_by, explained.explanation.features) == (None, ("age", "dose"))


def test_an_endpoint_without_its_meta_model_cannot_answer(registry, stacked):
    from serve_app.engine.liveness import can_answer

    spec = declared(registry, stack_of("logistic@1", "other@1"))
    assert can_answer(spec, lambda _version: True)
    assert not can_answer(spec, lambda version: version != "stacker@1")
    rescued = replace(spec, fallback=spec.variants[0])
    assert can_answer(rescued, lambda version: version != "stacker@1")
