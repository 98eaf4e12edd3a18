"""Who is asked in which order, who is left out, and when the fallback answers."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from serve_app.core.columns import Columns
from serve_app.core.combine import COMBINE
from serve_app.core.messages import Failure, Prediction
from serve_app.core.plan import Plan
from serve_app.core.snapshot import Variant
from serve_app.engine.ask import AskAlone, AskInTurn, AskTogether, Variants
from serve_app.errors import (
    DeadlineExceeded,
    InvalidInput,
    ModelFailed,
    NotReady,
    Overloaded,
    RowsRefused,
)
from serve_app.tasks import task_named

ROWS = Columns.of({"x": np.array([1.0, 2.0])})


PREDICT, RAW_SCORES = task_named("predict"), task_named("raw_scores")


class Clock:
    """A time that only tests move."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Fake:
    """Models whose answers are numbers or errors; `asked` says who was asked until when."""

    def __init__(self, **answers):
        self._answers = answers
        self.asked = []

    async def ask(self, version, task, columns, deadline):
        """The prediction; raw scores are one per row or, below zero, one per class."""
        prediction = await self._predicted(version, columns, deadline)
        if task is PREDICT:
            return prediction
        values = prediction.values
        scores = np.column_stack([values, values * 2, values * 3]) if values[0] < 0 else values
        return replace(prediction, scores=scores)

    async def _predicted(self, version, columns, deadline):
        self.asked.append((version, deadline))
        answer = self._answers[version.partition("@")[0]]
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            return await answer(deadline)
        return Prediction(np.full(columns.rows, float(answer)))


def asked(models, *, task=PREDICT, fallback=None, clock=None, variant_timeout_s=0.8):
    variants = {f"{name}@1": Variant(f"{name}@1", 1.0) for name in "abc"}
    return Variants(
        models=models,
        task=task,
        clock=clock or Clock(),
        by_version=variants,
        labels=(),
        variant_timeout_s=variant_timeout_s,
        fallback=None if fallback is None else Variant(fallback, 0.0),
    )


def in_turn(models, *order, deadline=1.0, **more):
    plan = Plan(tuple(f"{name}@1" for name in order))
    return asyncio.run(AskInTurn(asked(models, **more))(plan, ROWS, deadline))


def together(models, *members, quorum=2, deadline=1.0, **more):
    plan = Plan(tuple(f"{name}@1" for name in members), together=True)
    ask = AskTogether(asked(models, **more), COMBINE["mean"], quorum)
    return asyncio.run(ask(plan, ROWS, deadline))


class TestForScores:
    """Raw scores are those of one model, and nobody stands in for it."""

    @staticmethod
    def ask(models, *order, together=False, alike=True, labels=(), variant_labels=(), **more):
        found = replace(
            asked(models, task=RAW_SCORES, **more),
            labels=labels,
            by_version={f"{n}@1": Variant(f"{n}@1", 1.0, variant_labels) for n in "abc"},
        )
        plan = Plan(tuple(f"{name}@1" for name in order), together=together)
        return asyncio.run(AskAlone(found, "raw scores", alike)(plan, ROWS, 1.0))

    def test_the_chosen_variant_answers_in_its_share_of_the_time(self):
        models = Fake(a=1, b=2)
        answer = self.ask(models, "a", "b")
        assert answer.variants == ("a@1",)
        assert answer.prediction.scores.tolist() == [1.0, 1.0]
        assert models.asked == [("a@1", 0.8)]

    def test_neither_the_next_variant_nor_the_fallback_stands_in(self):
        models = Fake(a=NotReady("no"), b=2, c=3)
        with pytest.raises(NotReady):
            self.ask(models, "a", "b", fallback="c@1")
        assert [version for version, _ in models.asked] == ["a@1"]

    def test_variants_that_answer_together_have_none(self):
        models = Fake(a=1, b=2)
        with pytest.raises(InvalidInput, match="a@1, b@1"):
            self.ask(models, "a", "b", together=True)
        assert models.asked == []

    def test_where_the_route_may_choose_one_without_any_nobody_is_asked(self):
        models = Fake(a=1, b=2)
        with pytest.raises(InvalidInput, match=r"its version: a@1, b@1"):
            self.ask(models, "a", "b", alike=False)
        assert models.asked == []
        assert self.ask(models, "a", alike=False).variants == ("a@1",)

    def test_a_model_that_has_none_is_named(self):
        with pytest.raises(InvalidInput, match="a@1: it has none"):
            self.ask(Fake(a=InvalidInput("it has none")), "a")

    def test_a_single_score_speaks_for_the_endpoints_second_class(self):
        order = {"labels": ("ill", "well"), "variant_labels": ("well", "ill")}
        answer = self.ask(Fake(a=2), "a", **order)
        assert answer.prediction.scores.tolist() == [-2.0, -2.0]

    def test_scores_of_classes_are_in_the_endpoints_order(self):
        order = {"labels": ("x", "y", "z"), "variant_labels": ("z", "x", "y")}
        answer = self.ask(Fake(a=-1), "a", **order)
        assert answer.prediction.scores.tolist() == [[-2.0, -3.0, -1.0]] * 2


class TestInTurn:
    def test_the_first_variant_answers_and_nobody_else_is_asked(self):
        models = Fake(a=1, b=2)
        answer = in_turn(models, "a", "b")
        assert answer.variants == ("a@1",)
        assert answer.prediction.values.tolist() == [1.0, 1.0]
        assert [version for version, _ in models.asked] == ["a@1"]

    @pytest.mark.parametrize(
        "error", [ModelFailed("no"), RowsRefused("no"), NotReady("no"), DeadlineExceeded("no")]
    )
    def test_the_next_one_answers_when_the_first_cannot_and_the_first_is_named(self, error):
        answer = in_turn(Fake(a=error, b=2), "a", "b")
        assert answer.variants == ("b@1",)
        assert answer.left_out == (Failure("a@1", error.code),)
        assert not answer.fallback

    def test_an_overload_is_not_handed_on_to_the_next_one(self):
        models = Fake(a=Overloaded("full", retry_after_s=1.0), b=2)
        with pytest.raises(Overloaded):
            in_turn(models, "a", "b", fallback="c@1")
        assert [version for version, _ in models.asked] == ["a@1"]

    def test_the_fallback_answers_when_all_failed_and_says_so(self):
        answer = in_turn(Fake(a=NotReady("no"), b=ModelFailed("no"), c=3), "a", "b", fallback="c@1")
        assert answer.fallback
        assert answer.variants == ("c@1",)
        assert [failure.variant for failure in answer.left_out] == ["a@1", "b@1"]

    def test_without_a_fallback_the_chosen_variants_error_is_told(self):
        with pytest.raises(ModelFailed, match="of the first"):
            in_turn(Fake(a=ModelFailed("of the first"), b=NotReady("of the second")), "a", "b")

    def test_a_variant_has_its_share_of_the_time_so_that_another_can_still_answer(self):
        models = Fake(a=1)
        in_turn(models, "a", deadline=1.0, variant_timeout_s=0.8)
        in_turn(models, "a", deadline=0.5, variant_timeout_s=0.8)
        assert models.asked == [("a@1", 0.8), ("a@1", 0.5)]

    def test_nobody_else_is_asked_after_the_deadline(self):
        clock = Clock()

        async def late(deadline):
            clock.now = 2.0
            raise DeadlineExceeded("late")

        models = Fake(a=late, b=2, c=3)
        with pytest.raises(DeadlineExceeded):
            in_turn(models, "a", "b", clock=clock, fallback="c@1")
        assert [version for version, _ in models.asked] == ["a@1"]


class TestTogether:
    def test_all_are_asked_and_combined(self):
        answer = together(Fake(a=1, b=2, c=6), "a", "b", "c")
        assert answer.variants == ("a@1", "b@1", "c@1")
        assert answer.prediction.values.tolist() == [3.0, 3.0]
        assert answer.left_out == ()

    def test_a_member_that_fails_is_left_out_and_named(self):
        answer = together(Fake(a=1, b=ModelFailed("no"), c=3), "a", "b", "c")
        assert answer.variants == ("a@1", "c@1")
        assert answer.prediction.values.tolist() == [2.0, 2.0]
        assert answer.left_out == (Failure("b@1", "model_failed"),)

    def test_a_full_member_is_left_out_like_any_other(self):
        full = Overloaded("full", retry_after_s=1.0)
        answer = together(Fake(a=1, b=full, c=3), "a", "b", "c")
        assert answer.left_out == (Failure("b@1", "overloaded"),)

    def test_members_are_asked_at_the_same_time(self):
        both = asyncio.Barrier(2)

        async def meets(deadline):
            await both.wait()
            return Prediction(np.zeros(2))

        assert together(Fake(a=meets, b=meets), "a", "b").variants == ("a@1", "b@1")

    def test_below_the_quorum_the_fallback_answers(self):
        models = Fake(a=1, b=NotReady("no"), c=9)
        answer = together(models, "a", "b", fallback="c@1")
        assert answer.fallback
        assert answer.prediction.values.tolist() == [9.0, 9.0]
        assert [failure.variant for failure in answer.left_out] == ["b@1"]

    def test_below_the_quorum_without_a_fallback_the_first_error_is_told(self):
        with pytest.raises(NotReady, match="of b"):
            together(Fake(a=1, b=NotReady("of b"), c=ModelFailed("of c")), "a", "b", "c")

    def test_a_version_that_a_client_names_answers_alone_whatever_the_quorum(self):
        ask = AskTogether(asked(Fake(a=1, b=2)), COMBINE["mean"], quorum=2)
        answer = asyncio.run(ask(Plan(("b@1",)), ROWS, 1.0))
        assert answer.variants == ("b@1",)
        assert answer.prediction.values.tolist() == [2.0, 2.0]

    def test_fewer_members_than_the_quorum_are_told_of(self):
        with pytest.raises(NotReady, match="quorum 2"):
            together(Fake(a=1), "a")

    def test_a_quorum_of_one_is_enough_when_it_says_so(self):
        answer = together(Fake(a=NotReady("no"), b=4), "a", "b", quorum=1)
        assert answer.variants == ("b@1",)


def test_probabilities_come_in_the_endpoints_order_of_classes():
    class Turned:
        async def ask(self, version, task, columns, deadline):
            return Prediction(np.array(["y"]), np.array([[0.9, 0.1]]))

    endpoint = Variants(
        models=Turned(),
        task=PREDICT,
        clock=Clock(),
        by_version={"a@1": Variant("a@1", 1.0, ("y", "x"))},
        labels=("x", "y"),
        variant_timeout_s=1.0,
        fallback=None,
    )
    answer = asyncio.run(AskInTurn(endpoint)(Plan(("a@1",)), ROWS, 1.0))
    assert answer.prediction.probabilities.tolist() == [[0.1, 0.9]]
