"""Declared endpoints are described in full, or everything wrong with them is said at once."""

from dataclasses import replace

import pytest

from serve_app.config import ControlSettings
from serve_app.control.declare import declare, hash_of, read
from serve_app.errors import ConfigError


def declared(registry, **endpoints):
    settings = ControlSettings.model_validate({"endpoints": endpoints})
    return declare(settings, registry.manifest)


def split(*models, **more):
    return {"route": {"kind": "split", "variants": [{"model": m} for m in models]}, **more}


def single(model, **more):
    return {"route": {"kind": "single", "model": model}, **more}


def problems(declaration):
    return {".".join(map(str, p.path)): p.message for p in declaration.problems}


def test_an_endpoint_takes_its_first_variants_columns_and_gives_its_output(registry):
    declaration = declared(registry, e=split("logistic@1", "other@1"))
    endpoint = declaration.checked()["e"]
    assert endpoint.signature.names == ("age", "dose")
    assert endpoint.signature.output.labels == ("ill", "well")
    assert [v.version for v in endpoint.variants] == ["logistic@1", "other@1"]
    assert set(endpoint.example) == {"age", "dose"}
    assert (endpoint.route.kind, endpoint.route.settings) == ("split", {})


def test_with_preprocessing_it_takes_the_columns_of_the_transformer(registry):
    body = single("logistic@1", preprocess={"model": "scaler@1", "placement": "replicas"})
    endpoint = declared(registry, e=body).checked()["e"]
    assert endpoint.preprocess.version == "scaler@1"
    assert not endpoint.preprocess.inline
    assert endpoint.needs() == {"logistic@1", "scaler@1"}


@pytest.mark.parametrize(
    ("nameless", "alone"),
    [({"logistic"}, False), ({"other"}, False), ({"logistic", "other"}, True), (set(), False)],
)
def test_names_count_unless_none_of_those_who_answer_knows_any(registry, nameless, alone):
    def manifest_of(model, version):
        found = registry.manifest(model, version)
        signature = replace(found.signature, by_position=model in nameless)
        return found.model_copy(update={"signature": signature})

    body = {"endpoints": {"e": split("logistic@1", "other@1")}}
    endpoint = declare(ControlSettings.model_validate(body), manifest_of).checked()["e"]
    assert endpoint.signature.by_position is alone


def test_an_ensemble_needs_more_than_half_of_its_members_unless_it_says_otherwise(registry):
    body = split("logistic@1", "other@1")
    body["route"]["kind"] = "ensemble"
    assert declared(registry, e=body).checked()["e"].route.settings["quorum"] == 2
    body["route"]["quorum"] = 1
    assert declared(registry, e=body).checked()["e"].route.settings["quorum"] == 1


def test_all_problems_of_all_endpoints_are_told_at_once(registry):
    declaration = declared(
        registry,
        absent=single("logistic@7"),
        misplaced=single("scaler@1"),
        predicts=single("logistic@1", preprocess={"model": "other@1"}),
        classes=split("logistic@1", "turned@1"),
        kinds=split("logistic@1", "line@1"),
        columns=split("logistic@1", "renamed@1"),
        corrected=single("logistic@1", schema={"columns": {"agee": {"maximum": 1}}}),
        fine=single("logistic@1"),
    )
    found = problems(declaration)
    assert "no version 7" in found["endpoints.absent.route.model"]
    assert "transformer" in found["endpoints.misplaced.route.model"]
    assert "variant" in found["endpoints.predicts.preprocess.model"]
    assert "classes" in found["endpoints.classes.route.variants.1.model"]
    assert "regression" in found["endpoints.kinds.route.variants.1.model"]
    assert "'amount'" in found["endpoints.columns.route.variants.1.model"]
    assert "agee" in found["endpoints.corrected.schema.columns.agee"]
    assert len(found) == 7
    assert set(declaration.endpoints) == {"fine"}
    with pytest.raises(ConfigError, match=r"endpoints\.absent\.route\.model"):
        declaration.checked()


def test_a_fallback_must_fit_as_well(registry):
    found = problems(declared(registry, e=single("logistic@1", fallback="turned@1")))
    assert "endpoints.e.fallback" in found


def test_models_that_vote_cannot_be_regressions(registry):
    body = split("line@1")
    body["route"].update(kind="ensemble", combine="vote")
    assert "endpoints.e.route.combine" in problems(declared(registry, e=body))


def test_a_split_by_a_key_that_names_nothing_never_reaches_a_gateway(registry):
    body = split("logistic@1", "other@1")
    body["route"]["key"] = " "
    assert "names nothing" in problems(declared(registry, e=body))["endpoints.e.route.key"]


def test_corrections_of_the_schema_reach_the_columns(registry):
    schema = {"range": "refuse", "columns": {"age": {"minimum": 0, "maximum": 120}}}
    endpoint = declared(registry, e=single("logistic@1", schema=schema)).checked()["e"]
    age = endpoint.signature.inputs[0]
    assert (age.minimum, age.maximum) == (0, 120)
    assert endpoint.reactions["range"] == "refuse"


def test_a_variant_gets_a_share_of_the_time_unless_it_is_said(registry):
    endpoint = declared(registry, e=single("logistic@1", timeout_s=2)).checked()["e"]
    assert endpoint.timeout_s == 2
    assert endpoint.variant_timeout_s < 2
    body = single("logistic@1", timeout_s=2, variant_timeout_s=0.5)
    assert declared(registry, e=body).checked()["e"].variant_timeout_s == 0.5


def test_the_same_declaration_has_the_same_hash_in_whatever_order(registry):
    one = declared(registry, a=single("logistic@1"), b=single("line@1"))
    other = declared(registry, b=single("line@1"), a=single("logistic@1"))
    third = declared(registry, a=single("other@1"), b=single("line@1"))
    assert one.hash == other.hash != third.hash


@pytest.mark.parametrize(
    ("user_config", "path", "words"),
    [
        ({"endpoints": {"e": single("nobody@1")}}, "endpoints.e.route.model", "nobody"),
        ({"endpoints": {"e": {}}}, "endpoints.e.route", "Field required"),
        ({"endpoints": {"e": {"route": {"kind": "spilt"}}}}, "endpoints.e.route", "spilt"),
        ({"endpoints": {"e": single("a@champion ")}}, "endpoints.e.route.model", "a@champ"),
        ({"endpoint": {}}, "endpoint", "Extra inputs"),
        ({"endpoints": 1}, "endpoints", "dictionary"),
    ],
)
def test_whatever_is_declared_is_read_or_told_and_raises_nothing(
    registry, user_config, path, words
):
    declaration = read(user_config, registry.manifest)
    assert not declaration.endpoints
    assert words in problems(declaration)[path]
    assert declaration.hash == hash_of(user_config)


def test_what_can_be_read_is_declared_under_the_same_hash(registry):
    body = {"endpoints": {"e": single("logistic@1")}}
    declaration = read(body, registry.manifest)
    assert declaration == declared(registry, **body["endpoints"])
    assert declaration.hash == hash_of(body)
