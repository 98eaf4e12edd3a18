"""The pages of monitoring: what watches say in words, and a report within a page."""

import re

import pytest

from serve_app.console.rendering import NOTHING
from serve_app.errors import NotFound, NotReady
from tests.unit.console.seeded import MODEL, Seeded
from tests.unit.console.visitor import Visitor, text_of
from tests.unit.gateway.admin.actions import Actions


@pytest.fixture
def visitor():
    return Visitor(Seeded())


def line_of(page, version):
    """The cells of the line of a version of the first endpoint that has one."""
    rows = re.findall(r"<tr>.*?</tr>", page.text, re.DOTALL)
    (row, *_) = [one for one in rows if f"<bdi>{version}</bdi>" in one]
    cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
    return [" ".join(re.sub("<[^>]*>", "", one).split()) for one in cells]


def test_a_version_stands_with_what_every_watch_says_of_it(visitor):
    page = visitor.get("/console/monitoring")
    assert line_of(page, f"{MODEL}@1000") == [
        "risk", f"{MODEL}@1000", "2", "! alarm: age; 1 of 1 drifted",
        "! accuracy 0.9 (0.8 to 0.95) of 100 labels; worse in 1 segment",
        "! auc 0.81 (0.79 to 0.83), bound 0.85", "! 2 column values unlike before",
    ]  # fmt: skip
    assert line_of(page, f"{MODEL}@999")[2:] == [*[NOTHING] * 4, "! no rows come any more"]
    assert "The monitor has 2 findings." in text_of(page)


def test_receivers_of_alerts_stand_with_what_became_of_the_last_message(visitor):
    words = text_of(visitor.get("/console/monitoring"))
    assert "ops slack 1 1970-01-01 01:01:00 risk : firing, 1 finding" in words
    assert "failed: slack answered 404: no_service" in words


@pytest.mark.parametrize("error", [NotReady("the monitor does not run"), NotFound("no watch")])
def test_a_watch_that_does_not_run_says_so_once(error):
    class Alone(Seeded):
        async def watched(self, kind, endpoint, within_s):
            raise error

        async def findings(self, endpoint):
            raise error

        async def alerts(self):
            raise error

    page = Visitor(Alone()).get("/console/monitoring")
    words = text_of(page)
    expected = f"{error.message[:1].upper()}{error.message[1:]}."
    assert page.status_code == 200
    assert words.count(expected) == 2
    assert "Nothing is wrong" not in words
    assert line_of(page, f"{MODEL}@1000")[2:] == [NOTHING] * 5


def test_an_endpoint_has_its_heat_map_distributions_and_quality(visitor):
    page = visitor.get("/console/monitoring/risk")
    words = text_of(page)
    for part in ("Drift over time", "Features now against training", "Data quality",
                 "Alarms of this time", "Quality: what labels say of the answers"):  # fmt: skip
        assert part in words
    assert page.text.count('class="band"') == 10
    assert "30 features that drifted less" in words
    # What a small page has no room for is counted all the same.
    assert "100 of 100 drifted by the newest rows" in words
    assert "Table of 20 of 100" in words
    assert "data-scores" not in page.text
    assert "Features now against training: page 1 of 6" in words


def test_pages_of_distributions_show_each_of_them_once(visitor):
    shown = []
    for at in range(1, 7):
        page = visitor.get(f"/console/monitoring/risk?page={at}")
        shown += re.findall(r'<h4 title="[^"]*?(\d+)"', page.text)
    assert sorted(map(int, shown)) == list(range(24))


def test_people_choose_who_answered_and_how_far_back(visitor):
    page = visitor.get(f"/console/monitoring/risk?hours=6&version={MODEL}%40999")
    assert "It has no profile." in text_of(page)
    assert "<strong>6 hours</strong>" in page.text
    assert f"version={MODEL}%401000" in page.text
    seen = Actions()
    Visitor(seen).get("/console/monitoring/risk?hours=6")
    assert seen.done == [("risk", 6 * 3600)]


@pytest.mark.parametrize("hours", ["0", "x", "-1", "1e3", "745", "\u0661", "99999999"])
def test_a_span_that_is_none_is_refused_in_words(visitor, hours):
    answer = visitor.get(f"/console/monitoring/risk?hours={hours}")
    assert answer.status_code == 400
    assert "'hours' must be a number from 1 to 744" in text_of(answer)
