"""Every hash assigns as the SDK that it is named after, the same everywhere and for all time."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.config.assignment import AssignmentSettings
from serve_app.core.messages import Payload, Request
from serve_app.core.snapshot import RouteSpec, Variant
from serve_app.errors import ConfigError
from serve_app.routing import route_of
from serve_app.routing.hashing import HASHES, blake2b, eppo, hash_named

GOLDEN = json.loads((Path(__file__).parents[3] / "golden/assignment/sdks.json").read_text("utf-8"))


def arms(ids, *, weights, **assignment):
    """The arm of each subject as a digit, "-" for those who are not in the experiment."""
    variants = tuple(Variant(f"m@{arm}", weight) for arm, weight in enumerate(weights))
    spec = RouteSpec("split", variants, {"key": "user", "assignment": assignment})
    router = route_of(spec).router(salt="e", epoch=1, draw=lambda: 0.5)
    plans = [router.plan(Request("e", Payload({}, 1, {"user": one}), "r")) for one in ids]
    return "".join(
        "-" if one.assignment.algorithm == "excluded" else one.variants[0][-1] for one in plans
    )


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda c: f"{c['hash']} {c['weights']}")
def test_subjects_get_the_arms_that_the_sdk_gave_them(case):
    given_ = {name: value for name, value in case.items() if name != "arms"}
    assert arms(GOLDEN["ids"], **given_) == case["arms"]


def test_eppos_former_format_gives_the_published_assignments():
    case = GOLDEN["eppo_v1"]
    given_ = {name: case[name] for name in ("weights", "seed", "coverage")}
    assert arms(case["ids"], hash="eppo-v1", **given_) == case["arms"]


@pytest.mark.parametrize(
    ("text", "expected"),
    # Eppo-exp/python-sdk, test/sharders_test.py.
    [("test-input", 5619), ("alice", 3170), ("bob", 7420), ("charlie", 7497)],
)
def test_eppos_shards_are_the_published_ones(text, expected):
    assert eppo.shard(text) == expected


def test_numbers_are_the_text_that_the_sdks_make_of_them():
    numbers, texts = [1, 42.0, 0], ["1", "42", "0"]
    for name in HASHES:
        given_ = {"hash": name, "weights": [1, 1], "seed": "s"}
        assert arms(numbers, **given_) == arms(texts, **given_)


@pytest.mark.parametrize("name", [name for name in HASHES if name != "blake2b"])
@pytest.mark.parametrize("nobody", ["", None, float("nan")])
def test_an_empty_or_missing_id_is_in_no_experiment(name, nobody):
    assert arms([nobody], hash=name, weights=[1, 1]) == "-"


def test_the_settings_know_every_hash():
    known = AssignmentSettings.model_json_schema()["properties"]["hash"]["enum"]
    assert list(HASHES) == known


def test_a_hash_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(ConfigError, match=r"'md5' is no hash .* growthbook-v2, "):
        hash_named("md5")


@given(st.sampled_from(sorted(HASHES)), st.text(), st.text())
def test_any_text_at_all_has_a_bucket(name, seed, key):
    hashed = HASHES[name]
    assert 0 <= hashed.bucket(seed, key) < hashed.buckets
    assert 0 <= hashed.position(seed, key) < 1


@pytest.mark.parametrize("name", HASHES)
def test_half_a_surrogate_is_no_error(name):
    assert HASHES[name].bucket("s", "\ud800") >= 0


def test_our_draws_do_not_run_seed_and_key_together():
    assert blake2b.blake2b_64("a", "bc") != blake2b.blake2b_64("ab", "c")


SCRIPT = """
from serve_app.routing.hashing import HASHES
print([[one.bucket("seed", str(n)) for n in range(100)] for one in HASHES.values()])
"""


def test_every_process_and_hash_seed_agrees():
    def printed(seed):
        return subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout

    assert printed("0") == printed("1") == printed("random") != b""
