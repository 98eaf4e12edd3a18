"""Whatever the protocol, a request is admitted in one place."""

import asyncio

import pytest

from serve_app.core.caller import ANONYMOUS
from serve_app.core.messages import Payload
from serve_app.core.snapshot import Snapshot
from serve_app.engine.stages import Stages
from serve_app.errors import InvalidInput, NotFound, NotReady
from serve_app.gateway.entrance import Entrance, is_request_id
from tests.unit.gateway.harness import ROW


@pytest.fixture
def entrance(client):
    return Entrance(client.predictor, ids=lambda: "drawn")


@pytest.mark.parametrize("given", ["a", "order:7/3", "A" * 128, "=@+-._"])
def test_an_id_that_fits_is_kept(entrance, given):
    assert entrance.request_id({"x-request-id": given}) == given


@pytest.mark.parametrize("given", ["", "a b", "a\n", "é", "A" * 129, "<script>"])
def test_an_id_that_does_not_fit_is_drawn_anew(entrance, given):
    assert entrance.request_id({"x-request-id": given}) == "drawn"
    assert not is_request_id(given.encode())


def test_what_nobody_answers_is_refused_at_the_door(entrance):
    with pytest.raises(NotFound, match="nobody"):
        entrance.admit({}, "nobody")
    with pytest.raises(NotFound, match="7"):
        entrance.admit({}, "age", "7")
    with pytest.raises(InvalidInput, match="x-timeout-s"):
        entrance.admit({"x-timeout-s": "soon"}, "age")
    with pytest.raises(NotReady):
        entrance.admit_under(Stages(), {}, "age", None, ANONYMOUS)


def test_the_shorter_names_fill_what_a_request_leaves_out(client):
    entrance = Entrance(client.predictor, default_endpoint="age", ids=lambda: "drawn")
    admitted = entrance.admit({"x-timeout-s": "0.5"}, None)
    request = admitted.with_payload(Payload({"x": [1.0]}, 1))
    assert (request.endpoint, request.timeout_s, request.caller.name) == ("age", 0.5, "anonymous")


def test_a_body_is_answered_under_the_snapshot_that_decoded_it(client, entrance):
    admitted = entrance.admit({}, "risk")
    before = client.predictor.stages
    client.predictor.swap(Stages(9, {}))
    payload = Payload({name: [value] for name, value in ROW.items()}, 1)
    response = asyncio.run(entrance.predict(admitted, payload))
    assert response.snapshot_version == before.version
    with pytest.raises(NotFound):
        entrance.admit({}, "risk")


def test_an_empty_snapshot_knows_that_there_are_no_endpoints(client, entrance):
    client.predictor.swap(Stages(Snapshot(5, "h").version))
    with pytest.raises(NotFound, match="none yet"):
        entrance.admit({}, "risk")
