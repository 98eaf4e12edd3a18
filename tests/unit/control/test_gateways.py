"""Who answers under which snapshot, as gateways say themselves."""

from serve_app.control.gateways import Acknowledged, Gateways


def test_what_a_gateway_said_last_counts():
    gateways = Gateways(clock=lambda: 0.0, forget_after_s=60.0)
    gateways.hear(Acknowledged("a", 1))
    gateways.hear(Acknowledged("b", 2, "it cannot load m@1"))
    gateways.hear(Acknowledged("a", 2, loaded={"m@1": "digest"}))
    assert {name: said.to_json() for name, said in gateways.known().items()} == {
        "a": {"snapshot": 2, "trouble": None, "loaded": {"m@1": "digest"}, "failing": []},
        "b": {"snapshot": 2, "trouble": "it cannot load m@1", "loaded": {}, "failing": []},
    }


def test_who_is_not_heard_any_more_is_forgotten():
    now = [0.0]
    gateways = Gateways(clock=lambda: now[0], forget_after_s=60.0)
    gateways.hear(Acknowledged("gone", 1))
    now[0] = 40.0
    gateways.hear(Acknowledged("here", 1))
    now[0] = 61.0
    assert set(gateways.known()) == {"here"}
