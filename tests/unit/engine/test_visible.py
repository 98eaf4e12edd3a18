"""Callers see the endpoints with which they may do something, and no trace of others."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.caller import ANONYMOUS, Caller
from serve_app.core.grants import ENDPOINT_ACTIONS, grants_of
from serve_app.core.signature import Column, Output, Signature
from serve_app.core.snapshot import Endpoint, RouteSpec, Snapshot
from serve_app.core.variant import Variant
from serve_app.engine.assemble import Assembler
from serve_app.engine.local import LocalModels
from serve_app.engine.stages import Stages
from serve_app.engine.visible import Views, default_for, require
from serve_app.errors import Forbidden, NotFound, NotReady

SIGNATURE = Signature((Column("age", "float64", nullable=False),), Output("regression"))
NAMES = ("churn", "churn-eu", "diagnosis", "price")


def endpoint(name, version):
    return Endpoint(name, RouteSpec("single", (Variant(version, 1.0),)), SIGNATURE, 1.0, 0.8)


def stages(names=NAMES, version=3):
    made = {name: endpoint(name, f"m-{name}@1") for name in names}
    snapshot = Snapshot(
        version, "hash", made,
        aliases={f"m-{name}": {"champion": 1} for name in names},
        waiting={name: (f"m-{name}@2",) for name in names},
        overrides={name: {f"m-{name}@1": 1.0} for name in names},
    )  # fmt: skip
    models = LocalModels({}, clock=lambda: 0.0)
    return Assembler(replicas=models, inline=models, clock=lambda: 0.0).stages(snapshot)


def may(*scopes):
    return Caller("who", grants=grants_of(scopes))


def test_who_may_do_everything_sees_the_stages_themselves():
    all_of_them = stages()
    assert Views().of(all_of_them, ANONYMOUS) is all_of_them
    assert Views().of(all_of_them, may("*")) is all_of_them


@given(
    st.lists(
        st.tuples(
            st.sampled_from([*ENDPOINT_ACTIONS, "read:metadata", "admin:weights"]),
            st.sampled_from([*NAMES, "churn*", "*e*", "nobody"]),
        ),
        max_size=4,
    )
)
def test_what_is_seen_is_what_some_grant_is_for_and_nothing_names_the_rest(grants):
    caller = may(*(f"{action}:{name}" for action, name in grants))
    view = Views().of(ALL, caller)
    fits = {
        name
        for name in NAMES
        for _, pattern in grants
        if pattern == name
        or (pattern == "churn*" and name.startswith("churn"))
        or (pattern == "*e*" and "e" in name)
    }
    assert set(view.endpoints) == fits
    words = json.dumps([view.aliases, view.waiting, view.overrides], default=list)
    with pytest.raises(NotFound) as refused:
        view.endpoint("nosuch")
    words += refused.value.message + json.dumps(refused.value.details)
    for name in set(NAMES) - fits:
        # A name may be the beginning of another one.
        assert f'"{name}"' not in words
        assert f'"m-{name}"' not in words
    for name in fits:
        assert view.endpoint(name) is ALL.endpoints[name]


ALL = stages()


def test_a_foreign_endpoint_is_missed_as_one_that_there_is_none_of():
    view = Views().of(ALL, may("predict:churn*"))
    errors = []
    for name in ("diagnosis", "diagnosys"):
        with pytest.raises(NotFound) as refused:
            view.endpoint(name, "7")
        errors.append((refused.value.message, refused.value.details))
    (words, details), (others, other) = errors
    assert words.replace("diagnosis", "diagnosys") == others
    assert {**details, "endpoint": ""} == {**other, "endpoint": ""}


def test_views_are_kept_while_a_snapshot_stands_and_descriptions_while_they_do():
    views, first, second = Views(), may("predict:churn"), may("explain:churn")
    view = views.of(ALL, first)
    assert views.of(ALL, first) is view
    assert views.of(ALL, second) is view, "who sees the same shares it"
    steered = Stages(9, ALL.endpoints, description=ALL.description)
    moved = views.of(steered, first)
    assert moved.version == 9
    assert moved.description is view.description
    other = views.of(stages(version=10), first)
    assert other.description is not view.description
    assert other.version == 10


def test_those_who_see_other_endpoints_have_another_description():
    views = Views()
    seen = [views.of(ALL, may(f"predict:{name}")).description for name in NAMES]
    assert len({*map(id, seen), id(ALL.description)}) == len(NAMES) + 1


def test_what_is_seen_and_not_allowed_is_forbidden_in_words_that_say_what_is_missing():
    caller = may("predict:churn")
    require(caller, "predict", "churn")
    with pytest.raises(Forbidden, match="explain:churn"):
        require(caller, "explain", "churn")
    require(ANONYMOUS, "explain", "churn")


def test_a_default_that_may_not_be_seen_is_none():
    views = Views()
    for caller, expected in ((may("predict:churn"), None), (may("predict"), "price")):
        assert default_for(caller, "price", views.of(ALL, caller)) == expected
    only = views.of(ALL, may("predict:churn"))
    assert only.endpoint(None).spec.name == "churn"
    assert default_for(ANONYMOUS, "gone", ALL) == "gone"


def waiting_for(names, awaited):
    there = stages(names)
    return Stages(5, there.endpoints, {name: (f"m-{name}@2",) for name in awaited})


def test_an_endpoint_whose_versions_have_not_answered_yet_is_not_ready_and_not_unknown():
    some = waiting_for(("churn",), ("price",))
    with pytest.raises(NotReady, match=r"'price' is not ready yet: it waits for m-price@2"):
        some.endpoint("price")
    with pytest.raises(NotFound, match="there is no endpoint 'other'"):
        some.endpoint("other")
    # A path that names no endpoint means the only one, as soon as it is there.
    with pytest.raises(NotReady, match="'price' is not ready yet"):
        waiting_for((), ("price",)).endpoint(None)
    with pytest.raises(NotReady):
        Stages().endpoint("churn")


def test_nobody_learns_of_an_endpoint_that_waits_and_is_not_theirs():
    some = waiting_for(("churn",), ("price", "diagnosis"))
    view = Views().of(some, may("predict:churn", "predict:price"))
    with pytest.raises(NotReady):
        view.endpoint("price")
    with pytest.raises(NotFound, match="there is no endpoint 'diagnosis'"):
        view.endpoint("diagnosis")
    # Nor where every endpoint that stands is theirs.
    with pytest.raises(NotFound):
        Views().of(some, may("predict:churn")).endpoint("price")
