"""What a column looked like in training, drawn of its profile."""

import numpy as np

from serve_app.console.profile_picture import column_picture
from serve_app.core.columns import Columns
from serve_app.errors import NotFound
from serve_app.monitoring.profile.build import profile_of
from tests.unit.console.seeded import HARMFUL, MODEL, Seeded
from tests.unit.console.visitor import Visitor, text_of


def features(**columns):
    return {one.name: one for one in profile_of(Columns.of(columns)).features}


def test_numbers_are_bins_with_their_range_and_mean():
    (age,) = features(age=np.linspace(20.0, 80.0, 601)).values()
    made = column_picture(age)
    assert made.words == "float64, 20 to 80, mean 50"
    assert 'aria-label="age. float64, 20 to 80, mean 50"' in made.picture
    assert ">20</text>" in made.picture
    assert ">80</text>" in made.picture


def test_names_are_shares_and_what_is_missing_is_said():
    values = np.array(["free"] * 60 + ["pro"] * 20 + [None] * 20, dtype=object)
    made = column_picture(features(plan=values)["plan"])
    assert made.words.endswith("2 names, 20 % missing")
    assert 'aria-label="free: 75 %"' in made.picture
    assert 'aria-label="pro: 25 %"' in made.picture
    assert "never seen" not in made.picture


def test_a_version_shows_its_columns_by_pages_and_harmful_names_are_text():
    visitor = Visitor(Seeded())
    page = visitor.get(f"/console/models/{MODEL}/versions/7?page=2")
    assert page.text.count("<h3>") >= 12
    assert "Page 2 of 9, 100 in all" in text_of(page)
    assert "<script" not in page.text
    assert f"{HARMFUL[0]} 16" in text_of(page)


def test_a_version_without_a_profile_says_so():
    class Bare(Seeded):
        async def profile(self, model, version):
            raise NotFound("churn@1 was registered without rows, and has no profile")

    words = text_of(Visitor(Bare()).get(f"/console/models/{MODEL}/versions/1"))
    assert "has no profile." in words
