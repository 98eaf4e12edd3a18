"""What clients said of predictions is counted, or printed as it came."""

import json

import pytest

from serve_app.core.feedback import Feedback
from serve_app.storage.feedback import FeedbackStore


@pytest.fixture
def state(tmp_path):
    """A folder with feedback about two endpoints."""
    store = FeedbackStore(str(tmp_path))
    store.record(Feedback("risk", "p-1", '["ill"]', 0.5, ("a@1",)), 1.0)
    store.record(Feedback("risk", "p-2", None, 0.25, ("a@1",)), 2.0)
    store.record(Feedback("age", None, "[7]"), 3.0)
    return tmp_path


def test_it_is_counted_by_who_it_is_about(serve_app, state):
    lines = serve_app("feedback", "--state", state).out.splitlines()
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│" in line]
    assert cells == [
        ["age", "not said", "1", "1", "0", "", "0", "0", "1"],
        ["risk", "a@1", "2", "1", "2", "0.375", "0", "2", "0"],
    ]


def test_the_state_may_be_a_url(serve_app, state):
    url = f"sqlite:///{state}/serve-app.db"
    assert serve_app("feedback", "--state", url).out == serve_app("feedback", "--state", state).out


def test_programs_read_json(serve_app, state):
    (one,) = json.loads(serve_app("feedback", "risk", "--json", "--state", state).out)
    assert (one["variants"], one["total"], one["reward"]) == (["a@1"], 2, 0.375)
    lines = serve_app("feedback", "--records", "--state", state).out.splitlines()
    assert [json.loads(line)["prediction_id"] for line in lines] == ["p-1", "p-2", None]


def test_where_there_is_none_it_is_said_how_it_comes(serve_app, tmp_path):
    said = serve_app("feedback", "--state", tmp_path)
    assert (said.code, said.out.split(";")[0]) == (0, "no feedback yet")
