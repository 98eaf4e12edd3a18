"""Who keeps a former version: whoever answers with the one that took its place, and nobody else."""

from serve_app.core.former_versions import kept_by_application, kept_by_gateways, loaded
from serve_app.core.signature import Output, Signature
from serve_app.core.snapshot import Endpoint, RouteSpec, Snapshot, Variant

KEPT = {"m@champion": "m@1"}


def endpoint(*, inline):
    route = RouteSpec("single", (Variant("m@2", alias="champion"),))
    return Endpoint("e", route, Signature((), Output("regression")), 1.0, 0.5, inline=inline)


def test_gateways_keep_what_they_compute_themselves():
    assert kept_by_gateways([endpoint(inline=True)], KEPT) == {"m@1"}
    assert kept_by_gateways([endpoint(inline=False)], KEPT) == set()
    assert kept_by_gateways([endpoint(inline=True)], {"m@other": "m@1"}) == set()


def test_an_application_keeps_what_its_alias_named_while_it_answers_for_it():
    follows = {"m@champion": "m@2"}
    placed = {"m@2": "m-champion"}
    assert kept_by_application("m-champion", placed, follows, KEPT) == {"m@1"}
    assert kept_by_application("m-other", placed, follows, KEPT) == set()
    assert kept_by_application("m-champion", {"m@2": "m-2"}, follows, KEPT) == set()
    elsewhere = {**placed, "m@1": "m-1"}
    assert kept_by_application("m-champion", elsewhere, follows, KEPT) == set()


def test_what_is_loaded_is_what_answers_and_what_is_kept_beside():
    placed = Snapshot(
        1, "", {"e": endpoint(inline=False)}, applications={"m@2": "m-champion"}, kept=KEPT
    )
    assert loaded(placed) == {"m@1", "m@2"}
    assert loaded(Snapshot(1, "", {"e": endpoint(inline=False)}, kept=KEPT)) == {"m@2"}
    assert loaded(Snapshot(1, "", {"e": endpoint(inline=True)}, kept=KEPT)) == {"m@1", "m@2"}
    assert Snapshot.from_json(placed.to_json()).kept == KEPT
