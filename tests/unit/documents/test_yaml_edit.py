"""One value of a YAML text changes, and nothing else of it."""

import textwrap

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from serve_app.documents.yaml_edit import Change, edited
from serve_app.errors import ConfigError

FLOW = "route: {kind: ensemble, variants: [{model: a@1}, {model: b@1, weight: 2}]} # ä mine\n"
BLOCK = textwrap.dedent("""\
    # héad
    route:
      kind: ensemble   # all of them
      combine: 'mean'  # for now

      variants:
        - model: a@1     # cheap
          weight:   1.0  # half
        - {model: b@1,   # dear
           }
    other: [1,2 , 3]
    """)


def weight(place, value):
    return Change(("route", "variants", place, "weight"), value, after="model")


def combine(value):
    return Change(("route", "combine"), value, after="kind")


def test_values_are_replaced_where_they_stand():
    after = edited(BLOCK, [weight(0, 0.25), combine("weighted")])
    assert after == BLOCK.replace("  1.0 ", "  0.25 ").replace("'mean'", "weighted")


def test_a_key_that_is_missing_comes_after_its_neighbour():
    assert edited(BLOCK, [weight(1, 0.75)]) == BLOCK.replace("b@1,", "b@1, weight: 0.75,")
    assert edited(FLOW, [weight(0, 0.5), combine("weighted")]) == FLOW.replace(
        "a@1", "a@1, weight: 0.5"
    ).replace("ensemble", "ensemble, combine: weighted")


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_a_missing_key_of_a_block_gets_a_line_of_its_own(ends, last):
    text = f"route:{ends}  kind: ensemble # c{ends}" + ("" if last else f"  key: x{ends}")
    after = edited(text, [combine("mean")])
    assert after == text.replace(f"# c{ends}", f"# c{ends}  combine: mean{ends}")


def test_a_text_without_a_last_line_end_gets_a_line():
    text = "route:\n  kind: ensemble"
    assert edited(text, [combine("vote")]) == f"{text}\n  combine: vote"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("route: {kind: a}\n", "there is no route.variants"),
        ("all: &v [{model: a@1}]\nroute: {variants: *v}\n", "repeated by an anchor"),
        ("v: &m {model: a@1}\nroute: {variants: [*m]}\n", "repeated by an anchor"),
        ("route: {variants: [{model: a@1, weight: [1]}]}\n", "no plain value"),
        ("route: {variants: [{weights: 1}]}\n", "no plain value"),
        ("v: &m {model: a@1}\nroute: {variants: [{<<: *m}]}\n", "no plain value"),
    ],
)
def test_what_cannot_be_changed_alone_is_refused(text, words):
    with pytest.raises(ConfigError, match=words):
        edited(text, [weight(0, 1)])


@given(
    st.lists(st.floats(0, 1, allow_nan=False), min_size=2, max_size=2),
    st.booleans(),
)
def test_the_text_reads_as_it_did_but_for_the_values(weights, is_flow):
    text = FLOW if is_flow else BLOCK
    after = yaml.safe_load(edited(text, [weight(at, one) for at, one in enumerate(weights)]))
    assert [one.pop("weight") for one in after["route"]["variants"]] == weights
    before = yaml.safe_load(text)
    for one in before["route"]["variants"]:
        one.pop("weight", None)
    assert after == before
