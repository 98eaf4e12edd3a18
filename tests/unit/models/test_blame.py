"""Which row made a model fail, and which of its values; or that none did."""

import numpy as np
import pytest

from serve_app.core.columns import Columns
from serve_app.errors import InvalidInput, ModelFailed, NotReady, RowsRefused
from serve_app.models.blame import Blame, cause_of

WITNESS = Columns.of({"a": np.array([1.0]), "b": np.array(["ok"], dtype=object)})


def table(*words, a=None):
    numbers = np.arange(len(words), dtype=float) if a is None else np.array(a, dtype=float)
    return Columns.of({"a": numbers, "b": np.array(words, dtype=object)})


class Picky:
    """A model that takes every word but `bad`; `calls` holds the rows of each call."""

    def __init__(self, kind=ValueError, said="cannot parse: {word}"):
        self.calls = []
        self._kind = kind
        self._said = said

    def __call__(self, columns):
        self.calls.append(columns.rows)
        for word in columns["b"]:
            if word == "bad":
                try:
                    raise self._kind(self._said.format(word=word))
                except self._kind as error:
                    raise ModelFailed("Picky failed") from error
        return columns.rows


def blamed(model, columns, witness=WITNESS):
    try:
        model(columns)
    except Exception as error:  # noqa: BLE001 - whatever it raises
        return Blame(witness)(model, columns, error)
    pytest.fail("the model answered")


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 100])
def test_the_first_row_that_fails_is_named_with_its_column_and_the_cause(rows):
    for bad in {0, rows // 2, rows - 1}:
        words = ["fine"] * rows
        words[bad] = words[-1] = "bad"
        refusal = blamed(Picky(), table(*words))
        assert refusal.message == (
            f"the model does not take these rows: row {bad}, column 'b', 'bad': cannot parse: bad"
        )
        expected = "a value that the model takes"
        broken = {"row": bad, "column": "b", "rule": "model", "seen": "'bad'", "expected": expected}
        assert refusal.details["violations"] == [broken]
        assert {refusal.details[key] for key in ("row", "column")} == {bad, "b"}


def test_it_takes_few_calls_and_few_rows():
    model = Picky()
    blamed(model, table(*["fine"] * 999, "bad"))
    assert len(model.calls) <= 1 + 10 + 3 + 2
    assert sum(model.calls[1:]) <= 1000 + 10


def test_a_wide_row_is_looked_through_by_halves():
    calls = []

    def model(columns):
        calls.append(columns.rows)
        if columns["c700"][0] < 0:
            raise ValueError("must not be negative")

    names = [f"c{number}" for number in range(1000)]
    row = np.ones((1, 1000))
    row[0, 700] = -3
    refusal = blamed(model, Columns.from_block(names, row), Columns.from_block(names, row * 0 + 1))
    assert refusal.details["column"] == "c700"
    assert refusal.details["seen"] == "-3.0"
    assert len(calls) <= 1 + 3 + 20


def test_two_values_that_are_at_fault_together_are_a_row_without_a_column():
    def model(columns):
        if (columns["x"] < 0).any() or (columns["y"] < 0).any():
            raise ValueError("negative")

    one = Columns.from_block(["x", "y"], np.array([[-1.0, -1.0]]))
    refusal = blamed(model, one, Columns.from_block(["x", "y"], np.ones((1, 2))))
    assert refusal.message == "the model does not take these rows: row 0: negative"
    assert "column" not in refusal.details


def test_a_model_that_fails_for_a_row_that_it_answered_is_at_fault_itself():
    def broken(columns):
        raise ValueError("always")

    assert blamed(broken, table("fine", "fine")) is None


def test_a_model_that_fails_for_too_many_rows_is_at_fault_itself():
    def narrow(columns):
        if columns.rows > 5:
            raise ValueError("too many")

    assert blamed(narrow, table(*["fine"] * 9)) is None


def test_a_model_that_fails_now_and_then_is_at_fault_itself():
    for turn in (2, 3):
        calls = iter(range(1, 100))

        def moody(columns, turn=turn, calls=calls):
            if next(calls) % turn == 1:
                raise ValueError("a bad day")

        assert blamed(moody, table("fine")) is None


def test_a_row_that_fails_after_others_alone_is_named_with_them():
    def of_one_form(columns):
        first = columns["b"][0]
        for word in columns["b"]:
            if len(word) != len(first):
                raise ValueError(f"{word} is not like {first}")

    refusal = blamed(of_one_form, table("ok", "no", "longer", "ok"))
    assert refusal.details["row"] == refusal.details["rows_before"] == 2
    assert refusal.details["column"] == "b"
    assert "row 2, column 'b', 'longer' (after the 2 before it)" in refusal.message


def test_without_a_stored_row_another_of_the_request_bears_witness():
    assert blamed(Picky(), table("bad", "fine"), None).details["row"] == 0
    assert blamed(Picky(), table("bad"), None) is None
    assert blamed(Picky(), table("bad", "bad"), None) is None


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (MemoryError, ""),
        (OSError, "no space left"),
        (ImportError, "no module"),
        (RecursionError, "too deep"),
        (RuntimeError, "CUDA error: an illegal access"),
        (RuntimeError, "std::bad_alloc"),
    ],
)
def test_what_befalls_the_process_is_never_a_rows_fault(kind, said):
    assert blamed(Picky(kind, said), table("fine", "bad")) is None


@pytest.mark.parametrize("error", [InvalidInput("no raw scores"), NotReady("later")])
def test_other_errors_stay_as_they_are(error):
    assert Blame(WITNESS)(Picky(), table("fine"), error) is None


def test_a_refusal_in_the_librarys_words_gets_its_row():
    def strict(columns):
        if np.isnan(columns["a"]).any():
            raise RowsRefused("the model does not take these rows: Input X contains NaN.")

    refusal = blamed(strict, table("x", "y", a=[1, np.nan]))
    assert refusal.message == (
        "the model does not take these rows: row 1, column 'a', NaN: Input X contains NaN."
    )


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (ValueError("could not convert 'x'\nand more"), "could not convert 'x'"),
        (ValueError("'1/2/2020' is no date, at position 0"), "'1/2/2020' is no date"),
        (KeyError("north"), "KeyError: 'north'"),
        (IndexError(), "IndexError"),
        (ValueError("see /usr/lib/python3/x.py and <f at 0x7f00aa11bb22>"), "see … and <f at …>"),
        (RuntimeError("[10:11:12] /src/a.cc:12: Check failed"), "RuntimeError: Check failed"),
        (ValueError("x" * 500), "x" * 199 + "…"),
    ],
)
def test_the_cause_is_a_line_without_the_inside_of_the_machine(error, cause):
    assert cause_of(error) == cause
    failed = ModelFailed("the model failed")
    failed.__cause__ = error
    assert cause_of(failed) == cause
