"""Snapshots survive being written down."""

import json
import pickle
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.preprocess import Preprocess
from serve_app.core.record_settings import RecordSettings
from serve_app.core.signature import DTYPES, Column, Output, Signature
from serve_app.core.snapshot import Endpoint, RouteSpec, Snapshot, Variant
from serve_app.errors import Conflict

TEXT = st.text(max_size=8)
LABEL = st.one_of(TEXT, st.integers(), st.booleans())
COLUMN = st.builds(
    Column,
    name=TEXT,
    dtype=st.sampled_from(DTYPES),
    nullable=st.booleans(),
    minimum=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    maximum=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    categories=st.none() | st.lists(LABEL, max_size=3).map(tuple),
    frame_dtype=st.none() | TEXT,
)
OUTPUT = st.builds(
    Output,
    kind=st.sampled_from(["classification", "regression", "transform"]),
    labels=st.lists(LABEL, max_size=3).map(tuple),
    probabilities=st.booleans(),
    width=st.integers(1, 3),
    columns=st.lists(COLUMN, max_size=2).map(tuple),
)
SIGNATURE = st.builds(Signature, st.lists(COLUMN, max_size=3).map(tuple), OUTPUT)
ALIAS = st.none() | st.sampled_from(["champion", "challenger"])
VARIANT = st.builds(
    Variant,
    TEXT,
    st.floats(0, 100),
    st.lists(LABEL, max_size=2).map(tuple),
    alias=ALIAS,
)
RECORDS = st.builds(
    RecordSettings,
    key=st.none() | TEXT,
    sample=st.floats(0, 1),
    redact=st.frozensets(TEXT, max_size=2),
    segments=st.dictionaries(TEXT, st.lists(TEXT, max_size=2).map(tuple), max_size=2),
    retention_days=st.integers(1, 400),
)
ENDPOINT = st.builds(
    Endpoint,
    name=TEXT,
    route=st.builds(
        RouteSpec,
        kind=st.sampled_from(["single", "split", "ensemble"]),
        variants=st.lists(VARIANT, max_size=3).map(tuple),
        settings=st.dictionaries(TEXT, TEXT | st.integers(1, 3), max_size=2),
    ),
    signature=SIGNATURE,
    timeout_s=st.floats(0.1, 10),
    variant_timeout_s=st.floats(0.1, 10),
    fallback=st.none() | VARIANT,
    preprocess=st.none() | st.builds(Preprocess, TEXT, st.booleans(), ALIAS),
    reactions=st.dictionaries(TEXT, TEXT, max_size=2),
    example=st.none() | st.dictionaries(TEXT, LABEL, max_size=2),
    records=st.just(RecordSettings()) | RECORDS,
)
SNAPSHOT = st.builds(
    Snapshot,
    version=st.integers(0),
    declaration=TEXT,
    endpoints=st.dictionaries(TEXT, ENDPOINT, max_size=2),
    overrides=st.dictionaries(TEXT, st.dictionaries(TEXT, st.floats(0, 1), max_size=2), max_size=2),
    waiting=st.dictionaries(TEXT, st.lists(TEXT, max_size=2).map(tuple), max_size=2),
    epochs=st.dictionaries(TEXT, st.integers(1), max_size=2),
    description=st.integers(0),
    applications=st.dictionaries(TEXT, TEXT, max_size=2),
)


@given(SNAPSHOT)
def test_a_snapshot_that_is_read_again_is_the_same(snapshot):
    assert Snapshot.from_json(json.loads(json.dumps(snapshot.to_json()))) == snapshot


def test_a_type_that_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="complex"):
        Column.from_json({"name": "x", "dtype": "complex"})


def endpoint(**more):
    variants = (Variant("a@1", 90.0), Variant("b@1", 0.0))
    signature = Signature((), Output("regression"))
    return Endpoint("e", RouteSpec("split", variants), signature, 1.0, 0.8, **more)


def test_an_endpoint_needs_those_who_may_be_asked_and_preprocessing_of_its_own():
    assert endpoint().needs() == {"a@1"}
    assert endpoint(preprocess=Preprocess("p@1", inline=True)).needs() == {"a@1"}
    assert endpoint(preprocess=Preprocess("p@1", inline=False)).needs() == {"a@1", "p@1"}
    # What stands by for failures must hold nobody up.
    assert endpoint(fallback=Variant("f@1", 0.0)).needs() == {"a@1"}


def following(**more):
    variants = (Variant("a@2", 90.0, alias="champion"), Variant("b@1", 10.0))
    signature = Signature((), Output("regression"))
    return Endpoint("e", RouteSpec("split", variants), signature, 1.0, 0.8, **more)


def test_a_fallback_that_an_alias_chooses_must_answer_before_it_takes_the_formers_place():
    rescue = Variant("f@2", 0.0, alias="stable")
    assert following(fallback=rescue).needs() == {"a@2", "b@1", "f@2"}
    assert following(fallback=rescue, inline=True).needs() == frozenset()


def test_an_endpoint_says_which_versions_its_aliases_chose():
    spec = following(
        fallback=Variant("f@1", 0.0), preprocess=Preprocess("p@3", inline=True, alias="champion")
    )
    assert spec.follows() == {"a@champion": "a@2", "p@champion": "p@3"}
    assert spec.by_number() == {"b@1", "f@1"}


def test_the_weight_of_a_variant_is_set_by_its_version_or_as_it_is_declared():
    for name in ("a@2", "a@champion"):
        changed = following().with_weights({name: 5.0})
        assert [variant.weight for variant in changed.variants] == [5.0, 10.0]
        assert changed.equals_except_steering(following())
    assert following().route.declared("a@2") == "a@champion"
    assert following().route.declared("b@1") == "b@1"
    assert following().route.declared("c@1") is None


def test_a_version_is_in_the_application_of_its_name_unless_the_snapshot_says_otherwise():
    apart = following(fallback=Variant("f@1", 0.0))
    inline = Endpoint(
        "i", RouteSpec("single", (Variant("c@1"),)), apart.signature, 1.0, 0.8, inline=True
    )
    endpoints = {"e": apart, "i": inline}
    placed = Snapshot(1, "", endpoints, applications={"a@2": "a-champion"}).placed()
    assert placed == {"a@2": "a-champion", "b@1": "b-1", "f@1": "f-1"}


def test_a_snapshot_without_aliases_can_be_read_by_gateways_that_know_none():
    body = Snapshot(1, "", {"e": endpoint(preprocess=Preprocess("p@1", inline=True))}).to_json()
    assert "alias" not in json.dumps(body["endpoints"])


def test_a_snapshot_that_says_nothing_of_records_can_be_read_by_gateways_that_keep_none():
    assert "records" not in Snapshot(1, "", {"e": endpoint()}).to_json()["endpoints"]["e"]


def test_weights_change_and_nothing_else():
    changed = endpoint().with_weights({"b@1": 5.0})
    assert [variant.weight for variant in changed.variants] == [90.0, 5.0]
    assert endpoint().variants[1].weight == 0.0


@given(SNAPSHOT)
def test_a_snapshot_that_is_sent_is_the_same(snapshot):
    assert pickle.loads(pickle.dumps(snapshot)) == snapshot


@given(SNAPSHOT)
def test_what_is_written_is_written_again_alike(snapshot):
    body = json.dumps(snapshot.to_json())
    read = json.loads(body)
    assert json.dumps(Snapshot.from_json(read).to_json()) == body
    assert json.dumps(read) == body


def test_an_empty_snapshot_has_nothing_to_say():
    assert Snapshot(0, "").to_json() == {
        "version": 0,
        "declaration": "",
        "endpoints": {},
        "overrides": {},
        "rollouts": {},
        "waiting": {},
        "aliases": {},
        "epochs": {},
        "description": 0,
        "applications": {},
        "experiments": {},
        "access": {"keys": [], "token_keys": {}, "changed_in": 0},
        "kept": {},
    }


def test_writing_shares_nothing_with_the_snapshot():
    snapshot = Snapshot(1, "d", {"e": endpoint(reactions={"range": "warn"}, example={"x": 1})})
    body = snapshot.to_json()
    body["endpoints"]["e"]["reactions"]["range"] = "refuse"
    body["endpoints"]["e"]["example"]["x"] = 2
    body["endpoints"].clear()
    said = snapshot.to_json()["endpoints"]["e"]
    assert (said["reactions"], said["example"]) == ({"range": "warn"}, {"x": 1})


def test_an_endpoint_needs_nobody_of_weight_zero_until_it_is_given_one():
    assert endpoint().with_weights({"b@1": 1.0}).needs() == {"a@1", "b@1"}
    assert endpoint().with_weights({"a@1": 0.0, "b@1": 1.0}).needs() == {"b@1"}


def test_weights_of_versions_that_are_not_there_change_nothing():
    assert endpoint().with_weights({"z@1": 5.0}) == endpoint()
    assert endpoint().with_weights({}) == endpoint()


FORMER = {
    "name": "both",
    "kind": "ensemble",
    "signature": Signature((), Output("regression")).to_json(),
    "variants": [
        {"version": "a@1", "weight": 2.0, "labels": [], "targets": []},
        {"version": "b@1", "weight": 1.0, "labels": []},
    ],
    "timeout_s": 1.0,
    "variant_timeout_s": 0.8,
    "key": None,
    "combine": "mean",
    "quorum": 2,
    "fallback": None,
    "preprocess": None,
    "reactions": {},
    "example": None,
    "inline": False,
    "cache": None,
}


@pytest.mark.parametrize(
    ("changed", "kind", "settings"),
    [
        ({}, "ensemble", {"combine": "mean", "quorum": 2}),
        ({"kind": "split", "combine": None, "quorum": 1, "key": "user"}, "split", {"key": "user"}),
        ({"kind": "split", "combine": None, "quorum": 1}, "split", {}),
        ({"kind": "single", "combine": None, "quorum": 1}, "single", {}),
    ],
)
def test_a_snapshot_that_a_former_version_kept_is_read(changed, kind, settings):
    body = {"version": 7, "declaration": "d", "endpoints": {"both": {**FORMER, **changed}},
            "overrides": {}, "waiting": {}}  # fmt: skip
    snapshot = Snapshot.from_json(body)
    route = snapshot.endpoints["both"].route
    assert route == RouteSpec(kind, (Variant("a@1", 2.0), Variant("b@1", 1.0)), settings)
    assert (snapshot.aliases, snapshot.epochs, snapshot.description) == ({}, {}, 0)


def steered(version, description, weight, **more):
    one = endpoint().with_weights({"b@1": weight})
    other = replace(endpoint(), name="f")
    return Snapshot(
        version,
        "d",
        {"e": one, "f": other},
        epochs={"e": version, "f": 2},
        description=description,
        **more,
    )


def test_who_has_seen_the_description_gets_the_steering_alone_and_keeps_the_rest():
    former = steered(3, 2, 0.0)
    after = steered(4, 2, 7.0, aliases={"a": {"champion": 1}}, waiting={"g": ("z@1",)})
    body = json.loads(json.dumps(after.since(3)))
    assert "endpoints" not in body
    assert body["weights"] == {"e": {"a@1": 90.0, "b@1": 7.0}}
    read = Snapshot.from_json(body, former)
    assert read == after
    assert read.endpoints["f"] is former.endpoints["f"]
    assert read.endpoints["e"].signature is former.endpoints["e"].signature


@pytest.mark.parametrize(("seen", "description"), [(1, 2), (0, 2), (3, 0)])
def test_who_has_not_gets_everything(seen, description):
    snapshot = steered(4, description, 7.0)
    assert snapshot.since(seen) == snapshot.to_json()
    assert Snapshot.from_json(snapshot.since(seen), steered(1, 1, 0.0)) == snapshot


@pytest.mark.parametrize("former", [None, steered(9, 8, 0.0)])
def test_steering_of_other_descriptions_is_refused(former):
    with pytest.raises(Conflict, match="without the descriptions"):
        Snapshot.from_json(steered(4, 2, 7.0).since(3), former)


def test_endpoints_are_described_alike_whatever_their_weights():
    assert endpoint().equals_except_steering(endpoint().with_weights({"b@1": 5.0}))
    assert not endpoint().equals_except_steering(replace(endpoint(), timeout_s=2.0))
    others = RouteSpec("split", (Variant("a@1"),))
    assert not endpoint().equals_except_steering(replace(endpoint(), route=others))
    keyed = replace(endpoint().route, settings={"key": "user"})
    assert not endpoint().equals_except_steering(replace(endpoint(), route=keyed))
