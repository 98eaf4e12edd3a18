"""How exactly callers learn what models say, as it is written."""

import pytest

from serve_app.core.detail import FULL, Detail, detail_of
from serve_app.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("full", FULL),
        ("top1", Detail("top1")),
        ("rounded", Detail("rounded", 2)),
        ("rounded(1)", Detail("rounded", 1)),
        ("rounded(9)", Detail("rounded", 9)),
    ],
)
def test_it_is_read_as_it_is_written(text, detail):
    assert detail_of(text) == detail
    assert detail_of(str(detail)) == detail


@pytest.mark.parametrize(
    "text", ["", "Full", "top2", "rounded()", "rounded(0)", "rounded(10)", "rounded(2)\n", "none"]
)
def test_anything_else_is_refused_by_what_may_be_written(text):
    with pytest.raises(InvalidInput, match=r"write full, rounded, rounded\(1\) to rounded\(9\)"):
        detail_of(text)


def test_one_covers_all_that_are_coarser():
    ordered = [detail_of(text) for text in ("top1", "rounded(1)", "rounded(3)", "full")]
    for place, one in enumerate(ordered):
        assert [one.covers(other) for other in ordered] == [at <= place for at in range(4)]
