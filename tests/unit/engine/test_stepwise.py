"""A cascade: who is asked about which rows, and whose answer stands."""

import asyncio

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.columns import Columns
from serve_app.core.messages import Failure, Prediction, StageWork
from serve_app.core.plan import Plan
from serve_app.core.signature import Output
from serve_app.core.snapshot import Variant
from serve_app.engine.ask import Variants
from serve_app.errors import DeadlineExceeded, ModelFailed, Overloaded, RowsRefused
from serve_app.tasks import task_named

LABELS = ("no", "yes")
STAGES = ("a@1", "b@1", "c@1")


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Fake:
    """Models that answer with probabilities of yes by the number in a row, or raise.

    Each is given by its probabilities of the rows 0, 1, 2, …; `asked` says who was asked about
    which rows.
    """

    def __init__(self, clock, took_s=0.0, **answers):
        self._answers = answers
        self._clock, self._took_s = clock, took_s
        self.asked = []

    async def ask(self, version, task, columns, deadline):
        rows = columns.arrays[0].astype(int).tolist()
        self.asked.append((version, rows))
        self._clock.now += self._took_s
        answer = self._answers[version.partition("@")[0]]
        if isinstance(answer, Exception):
            raise answer
        yes = np.array([answer[row] for row in rows], dtype=np.float64).reshape(-1)
        values = np.array(LABELS, dtype=object)[(yes >= 0.5).astype(int)]
        order = [1, 0] if version == "b@1" else [0, 1]
        return Prediction(values, np.column_stack([1 - yes, yes])[:, order])


def asked(rows=3, *, sure=0.9, fallback=None, took_s=0.0, plan=STAGES, deadline=1.0, **answers):
    clock = Clock()
    models = Fake(clock, took_s, **answers)
    # The second model has its classes the other way round.
    variants = {
        name: Variant(name, 1.0, LABELS[::-1] if name == "b@1" else LABELS) for name in STAGES
    }
    ways = Variants(
        models=models,
        task=task_named("predict"),
        clock=clock,
        by_version=variants,
        labels=LABELS,
        variant_timeout_s=0.8,
        fallback=None if fallback is None else Variant(fallback, 0.0, LABELS),
        output=Output("classification", LABELS, True),
    )
    least = sure if isinstance(sure, dict) else dict.fromkeys(LABELS, sure)
    ask = ways.in_stages({"a@1": least, "b@1": least, "c@1": {}})
    columns = Columns.of({"row": np.arange(rows, dtype=np.float64)})
    return asyncio.run(ask(Plan(plan), columns, deadline)), models


def test_only_rows_that_a_stage_is_unsure_of_go_on():
    answer, models = asked(a=[0.95, 0.6, 0.05], b=[0.0, 0.4, 0.0], c=[0.0, 0.7, 0.0])
    assert models.asked == [("a@1", [0, 1, 2]), ("b@1", [1]), ("c@1", [1])]
    assert answer.prediction.values.tolist() == ["yes", "yes", "no"]
    assert answer.prediction.probabilities[:, 1].tolist() == pytest.approx([0.95, 0.7, 0.05])
    assert answer.variants == ("a@1", "c@1")


def test_nobody_else_is_asked_where_the_first_is_sure_of_all():
    answer, models = asked(a=[0.95, 0.9, 0.1], b=[], c=[])
    assert models.asked == [("a@1", [0, 1, 2])]
    assert (answer.variants, answer.left_out) == (("a@1",), ())
    assert answer.stages == (StageWork("a@1", 3, 3, 0.0),)


def test_each_class_may_have_a_threshold_of_its_own():
    answer, models = asked(
        sure={"yes": 0.95, "no": 0.8},
        a=[0.94, 0.95, 0.19, 0.21], b=[0.99] * 4, c=[], rows=4,
    )  # fmt: skip
    assert models.asked == [("a@1", [0, 1, 2, 3]), ("b@1", [0, 3])]
    assert answer.prediction.values.tolist() == ["yes", "yes", "no", "yes"]


def test_a_class_without_a_threshold_is_always_passed_on():
    _, models = asked(sure={"no": 0.8}, a=[1.0, 0.0, 1.0], b=[0.0] * 3, c=[])
    assert models.asked[1] == ("b@1", [0, 2])


def test_a_probability_of_float32_reaches_a_threshold_that_is_written_alike():
    async def ask(version, task, columns, deadline):
        shares = np.array([[0.1, 0.9]], dtype=np.float32)
        return Prediction(np.array(["yes"], dtype=object), shares)

    ways = Variants(
        models=type("Single", (), {"ask": staticmethod(ask)})(),
        task=task_named("predict"), clock=Clock(),
        by_version={"a@1": Variant("a@1", 1.0, LABELS)}, labels=LABELS,
        variant_timeout_s=1.0, fallback=None, output=Output("classification", LABELS, True),
    )  # fmt: skip
    stages = ways.in_stages({"a@1": {"yes": 0.9}})
    columns = Columns.of({"row": np.zeros(1)})
    answer = asyncio.run(stages(Plan(("a@1", "z@1")), columns, 1.0))
    assert answer.variants == ("a@1",)


def test_a_stage_that_fails_is_passed_over_and_named():
    failed = ModelFailed("it broke")
    answer, models = asked(a=failed, b=[0.95, 0.6, 0.05], c=[0.0, 0.7, 0.0])
    assert models.asked[1:] == [("b@1", [0, 1, 2]), ("c@1", [1])]
    assert answer.variants == ("b@1", "c@1")
    assert answer.left_out == (Failure("a@1", failed.code),)


def test_rows_that_no_later_stage_answers_keep_an_unsure_answer():
    answer, _ = asked(a=[0.95, 0.6, 0.05], b=ModelFailed("x"), c=Overloaded("full"))
    assert answer.prediction.values.tolist() == ["yes", "yes", "no"]
    assert answer.variants == ("a@1",)
    assert [one.variant for one in answer.left_out] == ["b@1", "c@1"]


def test_an_overloaded_stage_does_not_hand_its_load_on():
    answer, models = asked(a=[0.6] * 3, b=Overloaded("full"), c=[0.9] * 3)
    assert [version for version, _ in models.asked] == ["a@1", "b@1"]
    assert answer.variants == ("a@1",)
    with pytest.raises(Overloaded):
        asked(a=Overloaded("full"), b=[0.9] * 3, c=[0.9] * 3)


def test_no_stage_is_asked_after_the_deadline():
    answer, models = asked(a=[0.6] * 3, b=[0.6] * 3, c=[0.9] * 3, took_s=0.6)
    assert [version for version, _ in models.asked] == ["a@1", "b@1"]
    assert answer.variants == ("b@1",)


def test_the_fallback_answers_when_all_stages_fail_and_else_the_first_error_is_told():
    failed = {"a": RowsRefused("bad row", row=2), "b": ModelFailed("x"), "c": ModelFailed("y")}
    with pytest.raises(RowsRefused) as refused:
        asked(**failed)
    assert refused.value.details["row"] == 2
    answer, _ = asked(**{**failed, "d": [0.1] * 3}, fallback="d@1")
    assert (answer.variants, answer.fallback) == (("d@1",), True)
    with pytest.raises(DeadlineExceeded):
        asked(plan=(), a=[], b=[], c=[])


def test_a_version_that_a_client_names_answers_however_unsure_it_is():
    answer, models = asked(plan=("a@1",), a=[0.6] * 3, b=[], c=[])
    assert models.asked == [("a@1", [0, 1, 2])]
    assert answer.variants == ("a@1",)


def test_a_request_without_rows_is_answered_by_the_first_stage():
    answer, models = asked(0, a=[], b=[], c=[])
    assert (len(answer.prediction.values), answer.variants) == (0, ("a@1",))
    assert models.asked == [("a@1", [])]


def test_what_each_stage_did_is_told():
    answer, _ = asked(a=[0.95, 0.6, 0.6], b=[0.0, 0.4, 0.99], c=[0.0, 0.7, 0.0], took_s=0.1)
    assert answer.stages == (
        StageWork("a@1", 3, 1, pytest.approx(0.1)),
        StageWork("b@1", 2, 1, pytest.approx(0.1)),
        StageWork("c@1", 1, 1, pytest.approx(0.1)),
    )


shares = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@given(st.data(), shares, st.floats(0.51, 1))
def test_every_row_is_answered_as_it_would_be_alone(data, first, sure):
    rows = len(first)
    second = data.draw(st.lists(st.floats(0, 1), min_size=rows, max_size=rows))
    third = data.draw(st.lists(st.floats(0, 1), min_size=rows, max_size=rows))
    answer, _ = asked(rows, sure=sure, a=first, b=second, c=third)
    for row, shares_of_row in enumerate(zip(first, second, third, strict=True)):
        decided = next(
            (yes for yes in shares_of_row[:2] if max(yes, 1 - yes) >= sure), shares_of_row[2]
        )
        assert answer.prediction.probabilities[row, 1] == decided
        assert answer.prediction.values[row] == LABELS[decided >= 0.5]
    assert sum(one.answered_rows for one in answer.stages) == rows
