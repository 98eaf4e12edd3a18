"""Every name gets one that GraphQL can write, and no two the same."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.protocols.graphql.names import pascal, readable, unique

ALIKE = st.text(alphabet="ab_ -.é1", max_size=6)
NAMES = st.sets(st.text(max_size=20) | ALIKE, max_size=12)
VALID = re.compile(r"(?!__)[_A-Za-z][_0-9A-Za-z]*")


@given(NAMES, st.sampled_from([readable, pascal]))
def test_names_lead_to_valid_names_and_back(names, worded):
    found = unique(names, worded)
    assert found.keys() == names
    assert len(set(found.values())) == len(names)
    assert all(VALID.fullmatch(word) for word in found.values())


@given(st.lists(ALIKE, unique=True), st.randoms())
def test_the_order_of_names_changes_nothing(names, random):
    shuffled = random.sample(names, len(names))
    assert unique(names) == unique(shuffled)


@given(st.sets(st.from_regex(VALID, fullmatch=True)), NAMES)
def test_names_that_graphql_takes_stay_as_they_are(valid, others):
    found = unique(valid | others)
    assert all(found[name] == name for name in valid)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("age", "age"),
        ("_age", "_age"),
        ("mean radius", "mean_radius"),
        ("diagnosis-ensemble", "diagnosis_ensemble"),
        ("hours.per week (h)", "hours_per_week_h"),
        ("é", "e"),
        ("5htp", "_5htp"),
        ("__typename", "typename"),
        ("年齢", "unnamed"),
        ("", "unnamed"),
    ],
)
def test_names_are_still_read_as_what_they_were(name, word):
    assert readable(name) == word


def test_types_are_named_like_types():
    assert pascal("diagnosis-ensemble") == "DiagnosisEnsemble"
    assert pascal("3d-scan") == "_3dScan"


def test_names_that_would_be_alike_are_told_apart():
    found = unique(["a b", "a-b", "a_b", "c d"])
    assert (found["a_b"], found["c d"]) == ("a_b", "c_d")
    assert re.fullmatch(r"a_b_[0-9a-f]{6}", found["a b"])
    assert re.fullmatch(r"a_b_[0-9a-f]{6}", found["a-b"])
