"""What fails is said in a page, in words, and nothing that somebody wrote is lost."""

import pytest

from serve_app.core.signature import Column, Output, Signature
from serve_app.errors import NotReady
from tests.unit.console.seeded import MODEL, Seeded
from tests.unit.console.visitor import Visitor, text_of
from tests.unit.gateway.admin.actions import Actions

AWAY = "control does not answer yet"


async def away(*_):
    raise NotReady(AWAY)


class WithoutControl(Seeded):
    """A gateway whose control and monitor are away."""

    loads = requests = rollouts = experiments = experiment = scaling = away
    findings = watched = alerts = report = move_rollout = set_weights = away


@pytest.mark.parametrize(
    ("page", "status"),
    [
        ("", 200), ("/endpoints/risk", 200), ("/models", 200), (f"/models/{MODEL}", 200),
        (f"/models/{MODEL}/versions/1000", 200), ("/monitoring", 200), ("/cluster", 200),
        ("/history", 200), ("/jobs", 200), ("/runs", 200), ("/approvals", 200), ("/audit", 200),
        ("/rollouts", 503), ("/experiments", 503), ("/endpoints/risk/experiment", 503),
        ("/monitoring/risk", 503),
    ],
)  # fmt: skip
def test_while_control_is_away_pages_show_what_there_is_and_say_so(page, status):
    answer = Visitor(WithoutControl()).get(f"/console{page}")
    assert answer.status_code == status
    if status == 503 or page in {"/endpoints/risk", "/cluster", "/monitoring"}:
        assert AWAY in text_of(answer).lower()


def test_a_form_that_failed_leads_back_to_its_page():
    visitor = Visitor(WithoutControl())
    fields = {"weight.a@1": "1", "reason": "x"}
    page = "/console/endpoints/risk"
    answer = visitor.send(page, f"{page}/weights", fields)
    assert answer.status_code == 503
    assert AWAY in text_of(answer)
    assert f'href="{page}">Back to the page of the form' in answer.text
    assert "Back to the page" not in visitor.get("/console/rollouts").text


@pytest.mark.parametrize(
    "path", ["/console/models/%E2%80%AEgnp.exe", "/console/nothing%E2%80%AE%1B%5B31m"]
)
def test_the_words_of_an_error_turn_no_direction(path):
    answer = Visitor(Actions()).get(path)
    assert answer.status_code == 404
    assert not set("\u202e\x1b") & set(answer.text)


class Wide(Seeded):
    """Whose endpoint has more columns than a form has fields."""

    async def endpoint(self, name):
        columns = tuple(Column(f"c{at}", "float64") for at in range(90))
        signature = Signature(columns, Output("regression"))
        return {**await super().endpoint(name), "signature": signature.to_json()}


@pytest.mark.parametrize(
    ("row", "words"),
    [('{"c0": 1, "c1": ', "the row is no JSON"), ("[1, 2]", "the row must be an object")],
)
def test_a_row_that_is_no_json_stays_in_its_field(row, words):
    visitor = Visitor(Wide(), predictions=away)
    page = "/console/endpoints/risk"
    answer = visitor.send(page, f"{page}/try", {"row": row})
    assert answer.status_code == 200
    assert "Refused (400)" in text_of(answer)
    assert words in text_of(answer)
    assert f">{row}</textarea>".replace('"', "&#34;") in answer.text
