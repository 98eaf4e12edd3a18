"""The page of an endpoint: its route and load of all gateways, replicas, and its history."""

import re

import pytest

from serve_app.errors import NotReady
from tests.unit.console.seeded import MODEL, Seeded, endpoint_of
from tests.unit.console.visitor import Visitor, text_of


@pytest.fixture
def visitor():
    return Visitor(Seeded())


def test_an_endpoint_shows_what_is_wanted_beside_what_was_answered(visitor):
    words = text_of(visitor.get("/console/endpoints/risk"))
    assert "churn@1000 starts 90 90.0 % 75.0 % 300 30/s 2 ms 30 ms" in words
    assert "churn@999 10 10.0 % 25.0 % 100 10/s 2 ms 30 ms" in words
    assert "What was declared waits for churn@1000." in words


def test_the_picture_says_the_same_in_words(visitor):
    page = visitor.get("/console/endpoints/risk").text
    (label,) = re.findall(r'<svg class="route"[^>]*aria-label="([^"]*)"', page)
    assert label == (
        "risk asks by split: churn@1000 90.0 % of requests, 30/s, p99 30 ms, "
        "churn@999 10.0 % of requests, 10/s, p99 30 ms"
    )
    widths = [float(one) for one in re.findall(r'class="flow" .*stroke-width="([\d.]+)"', page)]
    assert widths == [16.2, 1.8]


def test_load_is_that_of_all_gateways_as_pictures_and_in_words(visitor):
    words = text_of(visitor.get("/console/endpoints/risk"))
    assert "40 requests per second now, of which 0.1 fail here and 0.3 are refused" in words
    assert "half are answered within 2 ms, 99 of 100 within 30 ms." in words
    charts = re.findall(r'class="chart"[^>]*aria-label="([^"]*)"', visitor.get(
        "/console/endpoints/risk").text)  # fmt: skip
    assert charts[0].startswith("Requests per second. requests 47 last")
    assert charts[1].startswith("Requests per second without an answer. faults of this side 0.2 ")
    assert charts[2].startswith("Latency in milliseconds. half of requests (p50) 3.89 last")


def test_where_nobody_asked_or_control_is_away_the_page_says_so():
    class Quiet(Seeded):
        async def requests(self, endpoint):
            return {**await super().requests(endpoint), "moments": [], "versions": {}}

    class Away(Seeded):
        async def requests(self, endpoint):
            raise NotReady("control does not answer")

    words = text_of(Visitor(Quiet()).get("/console/endpoints/risk"))
    assert "Nobody has asked it in the last half an hour" in words
    words = text_of(Visitor(Away()).get("/console/endpoints/risk"))
    assert "Control does not answer." in words
    assert "churn@1000 starts 90 90.0 % \N{EN DASH} 0 " in words


def test_replicas_that_run_stand_beside_those_that_are_wanted():
    class Apart(Seeded):
        async def endpoint(self, name):
            return {**await super().endpoint(name), "placement": "replicas"}

        async def status(self):
            status = await super().status()
            own = {**status["applications"][0], "application": f"{MODEL}-1000"}
            return {**status, "applications": [*status["applications"], own]}

    words = text_of(Visitor(Apart()).get("/console/endpoints/risk"))
    assert "churn@1000 churn-1000 2 1 HEALTHY wants 2" in words
    assert "routes and answers gateway 2 2 HEALTHY" in words
    assert "all of it gateway 2 2 HEALTHY" in text_of(
        Visitor(Seeded()).get("/console/endpoints/risk")
    )


def test_history_leads_back_to_weights_whose_versions_are_there(visitor):
    page = visitor.get("/console/endpoints/risk").text
    hidden = re.findall(r'type="hidden" name="weight\.([^"]+)" value="([^"]+)"', page)
    assert hidden == [("churn@1000", "50.0"), ("churn@999", "50.0")]
    words = text_of(visitor.get("/console/endpoints/risk"))
    assert "weights set churn@1000 50, churn@999 50 churn@1000 90, churn@999 10" in words
    assert "stands now" in words
    assert "churn@1 is no variant any more" in words
    assert "x@1" not in words


@pytest.mark.parametrize(
    ("route", "words"),
    [
        ("canary", "Weights cannot be set here: its rollout decides who answers it."),
        ("bandit", "Weights cannot be set here: rewards decide who answers it."),
        ("rules", "Weights cannot be set here: its rules decide who answers it."),
    ],
)
def test_where_something_else_decides_there_is_no_form_of_weights(route, words):
    actions = Seeded()
    shares = ((f"{MODEL}@1000", 90.0), (f"{MODEL}@999", 10.0))
    actions.standing_now["endpoints"] = [endpoint_of("risk", *shares, route=route)]
    page = Visitor(actions).get("/console/endpoints/risk")
    assert words in text_of(page)
    assert "/endpoints/risk/weights" not in page.text
