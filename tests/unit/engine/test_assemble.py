"""Stages are built anew only where something changed."""

from dataclasses import replace

import pytest

from serve_app.core.messages import Payload, Request
from serve_app.core.schema import Schema
from serve_app.core.signature import Column, Output, Signature
from serve_app.core.snapshot import Endpoint, RouteSpec, Snapshot, Variant
from serve_app.engine import assemble
from serve_app.engine.assemble import Assembler

SIGNATURE = Signature(tuple(Column(f"x{n}", "float64") for n in range(30)), Output("regression"))


def endpoint(name, kind="split", settings=None, **more):
    variants = (Variant("a@1", 90.0), Variant("b@1", 10.0))
    route = RouteSpec(kind, variants, {"key": "user"} if settings is None else settings)
    return Endpoint(name, route, replace(SIGNATURE), 1.0, 0.8, **more)


def request(endpoint_name="e0"):
    return Request(endpoint_name, Payload({}, 0, {"user": 1}), "r")


@pytest.fixture
def built(monkeypatch):
    """The schemas that were built, by their columns."""
    made = []

    def counted(inputs, policy):
        made.append(inputs)
        return Schema(inputs, policy)

    monkeypatch.setattr(assemble, "Schema", counted)
    return made


def current_schema(*columns):
    """What stands in the module now."""
    return assemble.Schema(*columns)


@pytest.fixture
def assembler():
    return Assembler(
        replicas=None,
        inline=None,
        clock=lambda: 0.0,
        draw=lambda: 0.0,
        schema=current_schema,
    )


@pytest.fixture
def snapshot():
    endpoints = {f"e{n}": endpoint(f"e{n}") for n in range(200)}
    return Snapshot(5, "d", endpoints, epochs=dict.fromkeys(endpoints, 5), description=5)


def reweighted(snapshot, name="e0", *, aliases=None, **weights):
    """What a gateway reads after weights were set: control tells it no more than the steering."""
    changed = snapshot.endpoints[name].with_weights({f"{v}@1": w for v, w in weights.items()})
    after = replace(
        snapshot,
        version=snapshot.version + 1,
        endpoints={**snapshot.endpoints, name: changed},
        epochs={**snapshot.epochs, name: snapshot.version + 1},
        aliases=snapshot.aliases if aliases is None else aliases,
    )
    return Snapshot.from_json(after.since(snapshot.version), snapshot)


def test_a_change_of_weights_builds_no_schema_and_no_stage_of_another_endpoint(
    assembler, snapshot, built
):
    before = assembler.stages(snapshot)
    assert len(built) == 200
    after = assembler.stages(reweighted(snapshot, a=1.0))
    assert len(built) == 200
    assert after.description is before.description
    changed, former = after.endpoints["e0"], before.endpoints["e0"]
    assert changed.schema is former.schema
    assert changed.spec.route.weights == {"a@1": 1.0, "b@1": 10.0}
    assert changed.plan(request()).epoch == 6
    assert former.plan(request()).epoch == 5
    assert all(after.endpoints[f"e{n}"] is before.endpoints[f"e{n}"] for n in range(1, 200))


def test_weights_that_came_back_unseen_have_their_new_epoch(assembler, snapshot):
    assembler.stages(snapshot)
    again = replace(snapshot, version=7, epochs={**snapshot.epochs, "e0": 7})
    after = assembler.stages(Snapshot.from_json(again.since(5), snapshot))
    assert after.endpoints["e0"].plan(request()).epoch == 7


def test_the_same_descriptions_in_full_build_no_schema_either(assembler, snapshot, built):
    before = assembler.stages(snapshot)
    after = assembler.stages(Snapshot.from_json(snapshot.to_json()))
    assert len(built) == 200
    assert after.description is before.description


def test_one_changed_description_builds_one_schema(assembler, snapshot, built):
    before = assembler.stages(snapshot)
    wider = replace(snapshot.endpoints["e7"], signature=Signature((), Output("regression")))
    after = assembler.stages(
        replace(snapshot, version=6, endpoints={**snapshot.endpoints, "e7": wider})
    )
    assert len(built) == 201
    assert after.description is not before.description
    assert after.endpoints["e8"] is before.endpoints["e8"]


def test_an_endpoint_that_goes_or_comes_changes_the_description(assembler, snapshot):
    before = assembler.stages(snapshot)
    fewer = {name: one for name, one in snapshot.endpoints.items() if name != "e3"}
    after = assembler.stages(replace(snapshot, version=6, endpoints=fewer))
    assert after.description is not before.description
    back = assembler.stages(replace(snapshot, version=7))
    assert back.description is not after.description


def test_aliases_that_move_reach_every_endpoint(assembler, snapshot, built):
    assembler.stages(snapshot)
    after = assembler.stages(reweighted(snapshot, aliases={"b": {"champion": 1}}))
    assert after.endpoints["e9"].labelled("champion") == "b@1"
    assert len(built) == 200


def test_a_label_that_an_endpoint_follows_names_whom_it_asks_while_the_alias_has_moved_on(
    assembler, snapshot
):
    variants = (Variant("b@1", 1.0, alias="champion"), Variant("b@2", 1.0))
    spec = Endpoint("e", RouteSpec("split", variants), Signature((), Output("regression")), 1, 0.8)
    aliases = {"b": {"champion": 2, "newest": 2}}
    stages = assembler.stages(replace(snapshot, endpoints={"e": spec}, aliases=aliases))
    assert stages.endpoints["e"].labelled("champion") == "b@1"
    assert stages.endpoints["e"].labelled("newest") == "b@2"


def test_what_fails_to_be_built_leaves_the_former_stages_in_place(assembler, snapshot):
    before = assembler.stages(snapshot)
    broken = endpoint("e0", settings={"key": "header:"})
    with pytest.raises(Exception, match="names nothing"):
        assembler.stages(replace(snapshot, endpoints={**snapshot.endpoints, "e0": broken}))
    assert assembler.stages(snapshot).description is before.description
