"""Values that a model refuses are named, with what they may be."""

from typing import Annotated, Literal

import pydantic
import pytest

from serve_app.documents.refused_values import refusals, words_of


class Settings(pydantic.BaseModel):
    """One field of each kind that is refused in words of ours."""

    share: Annotated[float, pydantic.Field(ge=0, lt=1, allow_inf_nan=False)] = 0.5
    seconds: Annotated[float, pydantic.Field(gt=0, le=60)] = 1
    looks: int = 5
    kind: Literal["single", "split", "ensemble"] = "single"
    on: bool = True
    password: str = ""
    steps: Annotated[tuple[int, ...], pydantic.Field(min_length=2)] = (1, 2)

    @pydantic.field_validator("looks")
    @classmethod
    def _few(cls, value: int) -> int:
        if value > 10:
            raise ValueError("more than ten looks are too many")
        return value


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"share": -0.5}, "-0.5 is out of range; it has to be greater than or equal to 0"),
        ({"share": 1}, "1 is out of range; it has to be less than 1"),
        ({"share": float("nan")}, "nan is not a finite number"),
        ({"share": "half"}, "'half' is not a valid number"),
        ({"share": None}, "None is not a valid number"),
        ({"seconds": 0}, "0 is out of range; it has to be greater than 0"),
        ({"seconds": 61}, "61 is out of range; it has to be less than or equal to 60"),
        ({"looks": 2.5}, "2.5 is not a whole number"),
        ({"looks": "x" * 100}, f"'{'x' * 59}… is not a whole number"),
        ({"looks": 11}, "more than ten looks are too many"),
        (
            {"kind": "spilt"},
            "'spilt' is not one of 'single', 'split' or 'ensemble'. Did you mean 'split'?",
        ),
        ({"kind": 7}, "7 is not one of 'single', 'split' or 'ensemble'."),
        ({"on": "perhaps"}, "'perhaps' is neither true nor false"),
        ({"steps": [1]}, "1 given, and at least 2 needed"),
        ({"steps": 3}, "this has to be a list"),
    ],
)
def test_what_is_refused_is_named_with_what_it_may_be(given, words):
    with pytest.raises(pydantic.ValidationError) as refused:
        Settings(**given)
    (problem,) = refused.value.errors()
    assert words_of(problem) == words


def test_what_was_to_be_text_may_be_a_secret_and_is_not_repeated():
    with pytest.raises(pydantic.ValidationError) as refused:
        Settings(password=20_240_229)
    (problem,) = refused.value.errors()
    assert words_of(problem) == "this has to be text; put it in quotes"


def test_a_list_is_not_short_of_items_that_are_refused_themselves():
    with pytest.raises(pydantic.ValidationError) as refused:
        Settings(steps=[1, "two"])
    (problem,) = refusals(refused.value)
    assert (problem["loc"], words_of(problem)) == (("steps", 1), "'two' is not a whole number")
