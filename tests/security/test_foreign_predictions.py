"""What becomes of a prediction is said by those whom it was given to, and by nobody else."""

import asyncio

import httpx
import pytest

from serve_app.core.caller import Caller
from serve_app.core.grants import grants_of
from serve_app.core.identifiers import OwnedIds, PredictionIds
from serve_app.gateway.access import Gate, protect
from serve_app.gateway.app import build
from serve_app.gateway.context import Settings
from serve_app.serving.owned_predictions import NAME, gave_in
from serve_app.storage.monitor_state import MonitorState
from tests.feedback_keeper import Keeper
from tests.unit.gateway.harness import ROW, client_of

CLIENT = grants_of(["predict", "feedback"])
CALLERS = {
    "a1": Caller("a1", "a", CLIENT),
    "a2": Caller("a2", "a", CLIENT),
    "b": Caller("b", "b", CLIENT),
    "alone": Caller("alone", "", CLIENT),
    "lonely": Caller("lonely", "", CLIENT),
    "a": Caller("a", "", CLIENT),
    "operator": Caller("operator", "house", grants_of(["feedback", "admin:feedback"])),
}


class ByName:
    def recall(self, shown):
        return None

    def authenticate(self, credential):
        return CALLERS.get(credential.value)


@pytest.fixture
def keeper():
    return Keeper()


@pytest.fixture
def post(registry, keeper):
    predictor = client_of(registry).predictor
    predictor._ids = PredictionIds()
    predictor.mark_with(OwnedIds(b"secret of all gateways"))
    app = protect(
        build(predictor, Settings(10_000, 50), keeper), Gate(ByName(), lambda *_: None), "all"
    )

    def posted(who, path, body):
        async def sent():
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://g") as client:
                return await client.post(path, json=body, headers={"x-api-key": who})

        return asyncio.run(sent())

    return posted


def given_to(post, who):
    answer = post(who, "/v1/models/risk:predict", {"instances": [ROW]})
    return answer.headers["x-prediction-id"]


def judge(post, who, identifier):
    body = {"prediction_id": identifier, "truth": "ill"}
    return post(who, "/v1/models/risk:feedback", body).status_code


@pytest.mark.parametrize(
    ("asks", "judges", "status"),
    [
        ("a1", "a1", 200),
        ("a1", "a2", 200),
        ("a1", "b", 404),
        ("b", "a1", 404),
        ("alone", "alone", 200),
        ("alone", "lonely", 404),
        ("a1", "a", 404),
        ("a", "a1", 404),
        ("b", "operator", 200),
    ],
)
def test_feedback_is_taken_from_whose_prediction_it_is(post, keeper, asks, judges, status):
    assert judge(post, judges, given_to(post, asks)) == status
    assert len(keeper.kept) == (status == 200)


def test_what_was_never_given_out_is_nobodys(post, keeper):
    made_up = ["p-1", "0" * 32, PredictionIds()(), "x" * 200]
    assert {judge(post, "b", one) for one in made_up} == {404}
    assert keeper.kept == []


def test_a_list_keeps_what_is_ones_own_and_names_the_rest(post, keeper):
    own, foreign = given_to(post, "b"), given_to(post, "a1")
    items = [{"prediction_id": one, "truth": "ill"} for one in (own, foreign, "made-up")]
    answer = post("b", "/v1/models/risk:feedback", {"feedback": items})
    assert answer.status_code == 200
    assert [one.prediction_id for one in keeper.kept] == [own]
    assert answer.text.count("you were given no prediction") == 2
    only = post("b", "/v1/models/risk:feedback", {"feedback": items[1:]})
    assert only.status_code == 400
    assert len(keeper.kept) == 1


def test_feedback_by_a_key_is_taken_from_whoever_may_give_feedback(post, keeper):
    body = {"key": "patient-7", "truth": "ill"}
    assert post("b", "/v1/models/risk:feedback", body).status_code == 200
    assert len(keeper.kept) == 1


@pytest.mark.parametrize(
    ("who", "owner"),
    [("a1", "tenant a"), ("a2", "tenant a"), ("alone", "principal alone"), ("operator", None)],
)
def test_feedback_by_a_key_says_whose_predictions_it_means(post, keeper, who, owner):
    bodies = ({"key": "17", "truth": "ill"}, [{"key": "18", "truth": "ill"}])
    for body in bodies:
        assert post(who, "/v1/models/risk:feedback", body).status_code == 200
    assert [(one.key, one.owner) for one in keeper.kept] == [("17", owner), ("18", owner)]
    # Nobody names an owner themselves.
    foreign = {"key": "19", "truth": "ill", "owner": "tenant b"}
    post(who, "/v1/models/risk:feedback", foreign)
    assert {one.owner for one in keeper.kept} == {owner}


def test_the_secret_of_a_state_store_tells_whose_predictions_are(tmp_path):
    assert not gave_in(str(tmp_path))("0" * 32, "tenant a")
    secret = MonitorState(str(tmp_path)).first(NAME, "ab" * 32)
    given = OwnedIds(bytes.fromhex(secret)).given(PredictionIds()(), "tenant a")
    gave = gave_in(str(tmp_path))
    assert gave(given, "tenant a")
    assert not gave(given, "tenant b")
