"""An endpoint could answer while enough of those whom it asks are alive."""

import pytest

from serve_app.core.preprocess import Preprocess
from serve_app.core.signature import Output, Signature
from serve_app.core.snapshot import Endpoint, RouteSpec, Variant
from serve_app.engine.liveness import Liveness, can_answer

SIGNATURE = Signature((), Output("regression"))


def endpoint(*versions, kind="split", settings=None, **more):
    variants = tuple(Variant(version, weight) for version, weight in versions)
    route = RouteSpec(kind, variants, settings or {})
    fields = {"timeout_s": 1.0, "variant_timeout_s": 1.0, **more}
    return Endpoint(name="e", route=route, signature=SIGNATURE, **fields)


@pytest.mark.parametrize(
    ("dead", "more", "expected"),
    [
        (set(), {}, True),
        ({"a@1"}, {}, True),
        ({"a@1", "b@1"}, {}, False),
        ({"a@1", "b@1"}, {"fallback": Variant("f@1")}, True),
        ({"a@1", "b@1", "f@1"}, {"fallback": Variant("f@1")}, False),
        ({"a@1"}, {"kind": "ensemble", "settings": {"quorum": 2}}, False),
        ({"p@1"}, {"preprocess": Preprocess("p@1", inline=False)}, False),
    ],
)
def test_an_endpoint_needs_somebody_who_would_answer(dead, more, expected):
    spec = endpoint(("a@1", 1.0), ("b@1", 1.0), ("idle@1", 0.0), **more)
    assert can_answer(spec, lambda version: version not in dead) is expected


def test_a_version_that_is_asked_by_its_name_answers_for_itself_alone():
    spec = endpoint(("a@1", 1.0), ("b@1", 1.0), fallback=Variant("f@1"))
    assert not can_answer(spec, {"a@1": False, "b@1": True}.__getitem__, "a@1")
    assert can_answer(spec, {"a@1": False, "b@1": True}.__getitem__, "b@1")


def test_a_version_counts_as_alive_until_a_look_says_otherwise_and_once_that_is_old():
    now = [0.0]
    liveness = Liveness(clock=lambda: now[0], forget_after_s=8.0)
    assert liveness.is_alive("a@1")
    liveness.update({"a@1": False, "b@1": True})
    assert not liveness.is_alive("a@1")
    assert liveness.is_alive("b@1")
    now[0] = 8.5
    assert liveness.is_alive("a@1")
