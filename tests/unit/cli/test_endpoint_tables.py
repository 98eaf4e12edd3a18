"""Endpoints as tables, from what a gateway says of itself."""

from serve_app.cli.endpoint_tables import endpoint_rows
from serve_app.config import ControlSettings
from serve_app.control.declare import declare
from serve_app.core.snapshot import Snapshot
from serve_app.engine.assemble import Assembler
from serve_app.engine.local import LocalModels
from serve_app.gateway.native_pages import standing


def listed(follows, weights):
    variants = [{"version": version, "weight": weight} for version, weight in weights.items()]
    return {"name": "e", "route": "canary", "variants": variants, "follows": follows,
            "preprocess": None, "fallback": None}  # fmt: skip


def test_a_version_that_two_aliases_name_is_shown_with_both_and_the_former_one_with_none():
    follows = {"m@champion": "m@2", "m@challenger": "m@2"}
    rows = endpoint_rows([listed(follows, {"m@1": 0.0, "m@2": 1.0})])
    assert [row[2:4] for row in rows] == [["m@1", "0"], ["m@challenger, champion → 2", "1"]]


def test_shadows_stand_below_the_variants_of_their_endpoint(registry):
    registry.set_alias("other", "next", 1, by="ada")
    body = {
        "with": {
            "route": {"kind": "single", "model": "logistic@1"},
            "shadows": [{"model": "other@next", "sample": 0.25}],
            "fallback": "other@1",
        },
        "without": {"route": {"kind": "single", "model": "other@1"}},
    }
    settings = ControlSettings.model_validate({"endpoints": body})
    endpoints = declare(settings, registry.manifest, registry.resolve).checked()
    models = LocalModels({}, clock=lambda: 0.0)
    assembler = Assembler(replicas=models, inline=models, clock=lambda: 0.0)
    listed = standing(assembler.stages(Snapshot(1, "hash", endpoints)))["endpoints"]
    assert [one["follows"] for one in listed] == [{"other@next": "other@1"}, {}]
    shadow = {"version": "other@1", "sample": 0.25, "timeout_s": 2.0}
    assert [one.get("shadows") for one in listed] == [[shadow], None]
    assert endpoint_rows(listed) == [
        ["with", "single", "logistic@1", "1", None, "other@next → 1"],
        [None, None, "other@next → 1", "shadow, 25%", None, None],
        ["without", "single", "other@1", "1", None, None],
    ]
