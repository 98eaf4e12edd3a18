"""Parts of pages that renew themselves where scripts run, and nothing else that runs."""

import pytest

from serve_app.lifecycle.run_status import TrainingRuns
from tests.unit.console import seeded_runs
from tests.unit.console.elements import VOID, Elements
from tests.unit.console.seeded import BatchJobs, Seeded
from tests.unit.console.visitor import Visitor


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("runs")
    seeded_runs.training(made, runs=3, trials=1)
    return made


@pytest.fixture
def visitor(folder):
    return Visitor(Seeded(), jobs=BatchJobs(3), training=TrainingRuns(folder))


LIVE = ["", "/endpoints/risk", "/rollouts", "/jobs", "/runs"]


@pytest.mark.parametrize("page", LIVE)
def test_a_live_page_names_parts_that_there_are_and_may_be_stopped(visitor, page):
    answer = visitor.get(f"/console{page}?page=1&done=weights")
    (main,) = [one for tag, one in Elements(answer.text).all if tag == "main"]
    parts = [one.removeprefix("#").removesuffix(":morph") for one in
             main["hx-select-oob"].split(",")]  # fmt: skip
    known = {one.get("id") for _, one in Elements(answer.text).all}
    assert "live-at" in parts
    assert set(parts) <= known
    assert main["hx-get"] == f"/console{page}?page=1"
    assert "script-src 'self'; connect-src 'self'" in answer.headers["content-security-policy"]
    stopped = visitor.get(f"/console{page}?page=1&live=off")
    assert "hx-get" not in stopped.text
    assert "<script" not in stopped.text
    assert "script-src" not in stopped.headers["content-security-policy"]


@pytest.mark.parametrize("page", LIVE)
def test_forms_are_in_no_part_that_is_renewed(visitor, page):
    class Fields(Elements):
        def handle_starttag(self, tag, attrs):
            super().handle_starttag(tag, attrs)
            places.append((tag, dict(attrs).get("id", "")))
            if tag in VOID or tag == "option":
                places.pop()
            if tag in {"input", "textarea", "select"}:
                fields.append([one for _, one in places if one.startswith("live-")])

        def handle_endtag(self, tag):
            super().handle_endtag(tag)
            if tag not in VOID and tag != "option":
                places.pop()

    places, fields = [], []
    Fields(visitor.get(f"/console{page}").text)
    assert not any(fields)


@pytest.mark.parametrize("name", ["htmx.js", "idiomorph.js"])
def test_scripts_are_files_of_this_server(visitor, name):
    answer = visitor.get(f"/console/{name}")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert answer.headers["x-content-type-options"] == "nosniff"
