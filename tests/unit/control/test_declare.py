"""Declared endpoints are described in full, or everything wrong with them is said at once."""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from serve_app.config import ControlSettings
from serve_app.control.declare import declare, hash_of, read
from serve_app.core.record_settings import RecordSettings
from serve_app.core.snapshot import Endpoint
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import ConfigError
from serve_app.routing import route_of


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


def following(registry, **endpoints):
    settings = ControlSettings.model_validate({"endpoints": endpoints})
    return declare(settings, registry.manifest, registry.resolve)


def test_every_version_may_be_named_by_an_alias(registry):
    for model in ("logistic", "other", "scaler"):
        registry.set_alias(model, "champion", 1, by="ada")
    body = single(
        "logistic@champion",
        fallback="other@champion",
        preprocess={"model": "scaler@champion", "placement": "replicas"},
    )
    endpoint = following(registry, e=body).checked()["e"]
    assert endpoint.follows() == {
        "logistic@champion": "logistic@1",
        "other@champion": "other@1",
        "scaler@champion": "scaler@1",
    }
    assert endpoint.by_number() == frozenset()
    numbered = single(
        "logistic@1",
        fallback="other@1",
        preprocess={"model": "scaler@1", "placement": "replicas"},
    )
    other = following(registry, e=numbered).checked()["e"]
    assert (endpoint.signature, endpoint.example) == (other.signature, other.example)
    assert endpoint.asks() == other.asks()


def test_a_moved_alias_changes_what_is_described_and_not_the_hash(registry, models):
    estimator, frame = models["logistic"]
    register(registry, Candidate("logistic", estimator, frame))
    described = []
    for number in (1, 2):
        registry.set_alias("logistic", "champion", number, by="ada")
        described.append(following(registry, e=single("logistic@champion")))
    first, second = described
    assert first.hash == second.hash
    assert first.endpoints["e"].asks() == {"logistic@1"}
    assert second.endpoints["e"].asks() == {"logistic@2"}


def routed(kind, **settings):
    return {"route": {"kind": kind, **settings}}


BY_ALIAS = {
    "split": split("other@1", "logistic@champion"),
    "bandit": routed(
        "bandit",
        policy="thompson",
        variants=[{"model": "logistic@champion"}, {"model": "other@1"}],
    ),
    "ensemble": routed("ensemble", variants=[{"model": "other@1"}, {"model": "logistic@champion"}]),
    "stable": routed("canary", stable="logistic@champion", candidate="other@1"),
    "candidate": routed("canary", stable="other@1", candidate="logistic@champion"),
    "cascade": routed(
        "cascade", stages=[{"model": "logistic@champion", "sure": 0.9}, {"model": "other@1"}]
    ),
    "rule": routed(
        "rules", rules=[{"when": "age > 50", "model": "logistic@champion"}], otherwise="other@1"
    ),
    "otherwise": routed(
        "rules", rules=[{"when": "age > 50", "model": "other@1"}], otherwise="logistic@champion"
    ),
    "shadow": single("other@1", shadows=[{"model": "logistic@champion"}]),
    "fallback": single("other@1", fallback="logistic@champion"),
    "inline": single("logistic@champion", placement="inline"),
}


def test_an_old_file_deployed_after_a_promotion_answers_with_the_promoted_version(registry, models):
    estimator, frame = models["logistic"]
    registry.set_alias("logistic", "champion", 1, by="ada")
    before = following(registry, **BY_ALIAS)
    register(registry, Candidate("logistic", estimator, frame))
    registry.set_alias("logistic", "champion", 2, by="retraining")
    after = following(registry, **BY_ALIAS)
    assert after.hash == before.hash
    for name, endpoint in after.checked().items():
        assert endpoint.follows() == {"logistic@champion": "logistic@2"}, name
        assert "logistic@1" not in str(endpoint.to_json()), name
        route_of(endpoint.route)


def test_aliases_that_name_nothing_or_the_same_version_twice_are_problems(registry):
    registry.set_alias("logistic", "champion", 1, by="ada")
    found = problems(
        following(
            registry,
            absent=single("logistic@stable"),
            nobody=single("nobody@champion"),
            rescued=single("logistic@1", fallback="other@champion"),
            twice=split("logistic@1", "logistic@champion"),
        )
    )
    assert found == {
        "endpoints.absent.route.model": "model 'logistic' has no alias 'stable'; its aliases are "
        "champion (it is set by serve-app models alias logistic@1 stable)",
        "endpoints.nobody.route.model": found["endpoints.nobody.route.model"],
        "endpoints.rescued.fallback": "model 'other' has no alias 'champion'; it has none (it is "
        "set by serve-app models alias other@1 champion)",
        "endpoints.twice.route.variants.1.model": "logistic@champion and logistic@1 are both "
        "logistic@1, which would stand twice among the variants; move the alias or take one of "
        "them out",
    }
    assert "there is no model 'nobody'" in found["endpoints.nobody.route.model"]


def test_only_a_canary_may_name_one_version_by_two_aliases(registry):
    for alias in ("champion", "challenger"):
        registry.set_alias("logistic", alias, 1, by="ada")

    def canary(stable, candidate):
        return {"route": {"kind": "canary", "stable": stable, "candidate": candidate}}

    rests = canary("logistic@champion", "logistic@challenger")
    endpoint = following(registry, e=rests).checked()["e"]
    assert [(one.version, one.weight) for one in endpoint.variants] == [("logistic@1", 1.0)]
    assert endpoint.follows() == {
        "logistic@champion": "logistic@1", "logistic@challenger": "logistic@1",
    }  # fmt: skip
    shown = {**rests, "shadows": [{"model": "logistic@challenger"}]}
    assert [one.version for one in following(registry, e=shown).checked()["e"].shadows] == [
        "logistic@1"
    ]
    twice = split("logistic@champion", "logistic@challenger")
    for body in (canary("logistic@1", "logistic@challenger"), twice):
        (problem,) = problems(following(registry, e=body)).values()
        assert "would stand twice among the variants" in problem


def shadowed(*shadows, body=None):
    return {**(body or single("logistic@1")), "shadows": list(shadows)}


def test_shadows_are_part_of_what_an_endpoint_needs_and_follows(registry):
    registry.set_alias("other", "next", 1, by="ada")
    body = shadowed({"model": "other@next", "sample": 0.25, "timeout_s": 0.5})
    endpoint = following(registry, e=body).checked()["e"]
    (shadow,) = endpoint.shadows
    assert (shadow.version, shadow.sample, shadow.timeout_s) == ("other@1", 0.25, 0.5)
    assert shadow.variant.labels == ("ill", "well")
    assert endpoint.needs() == endpoint.asks() == endpoint.by_handle() == {"logistic@1", "other@1"}
    assert endpoint.follows() == {"other@next": "other@1"}
    assert endpoint.answers() == {"logistic@1"}
    assert [variant.version for variant in endpoint.variants] == ["logistic@1"]
    assert Endpoint.from_json(endpoint.to_json()) == endpoint
    inline = following(registry, e={**body, "placement": "inline"}).checked()["e"]
    assert (inline.loads(), inline.needs()) == ({"logistic@1", "other@1"}, frozenset())


def test_a_variant_may_be_a_shadow_of_the_others(registry):
    body = shadowed({"model": "other@1"}, body=split("logistic@1", "other@1"))
    assert declared(registry, e=body).checked()["e"].shadows[0].version == "other@1"


@pytest.mark.parametrize(
    ("shadows", "path", "words"),
    [
        (["logistic@1"], "shadows.0.model", "would be compared with itself alone"),
        (["nobody@1"], "shadows.0.model", "there is no model 'nobody'"),
        (["other@7"], "shadows.0.model", "has no version 7"),
        (["scaler@1"], "shadows.0.model", "is a transformer"),
        (["line@1"], "shadows.0.model", "gives regression"),
        (["other@1", "turned@1"], "shadows.1.model", "has the classes"),
        (["renamed@1"], "shadows.0.model", "needs the column 'amount'"),
        (["other@1", "other@next"], "shadows.1.model", "stands twice among the shadows"),
    ],
)
def test_a_shadow_that_cannot_be_compared_is_a_problem(registry, shadows, path, words):
    registry.set_alias("other", "next", 1, by="ada")
    body = shadowed(*({"model": model} for model in shadows))
    found = problems(following(registry, e=body))
    assert list(found) == [f"endpoints.e.{path}"]
    assert words in found[f"endpoints.e.{path}"]


@pytest.mark.parametrize(
    "shadow",
    [
        {"model": "other@1", "sample": 0},
        {"model": "other@1", "sample": 1.5},
        {"model": "other@1", "sample": float("nan")},
        {"model": "other@1", "timeout_s": 0},
        {"model": "other@1", "weight": 1},
        {"sample": 0.5},
    ],
    ids=str,
)
def test_settings_of_a_shadow_that_mean_nothing_are_refused(registry, shadow):
    with pytest.raises(ValidationError):
        declared(registry, e=shadowed(shadow))
    with pytest.raises(ValidationError, match="stands twice among the shadows"):
        declared(registry, e=shadowed({"model": "other@1"}, {"model": "other@1"}))


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
        ({"endpoints": 1}, "endpoints", "keys of its own"),
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


def test_what_is_kept_of_requests_stands_in_the_description(registry):
    settings = {"key": "order_id", "sample": 0.25, "redact": ["age"], "retention_days": 7}
    endpoint = declared(registry, e=single("logistic@1", monitoring=settings)).checked()["e"]
    assert endpoint.records == RecordSettings("order_id", 0.25, frozenset({"age"}), 7, 90)


def test_a_column_that_is_to_be_redacted_and_is_none_is_refused_by_name(registry):
    declaration = declared(registry, e=single("logistic@1", monitoring={"redact": ["aeg"]}))
    assert problems(declaration) == {
        "endpoints.e.monitoring.redact": "there is no column 'aeg'; did you mean 'age'?"
    }


def test_a_key_that_is_to_be_redacted_is_refused(registry):
    settings = {"key": "age", "redact": ["age"]}
    (message,) = problems(declared(registry, e=single("logistic@1", monitoring=settings))).values()
    assert message == "'age' is the key, whose values are kept; choose another, or do not redact"


def test_segments_are_columns_or_values_of_them(registry):
    for segments, wanted in (
        (["plan", "age"], {"plan": (), "age": ()}),
        ({"plan": ["free", 2, True]}, {"plan": ("free", "2", "true")}),
    ):
        settings = {"segments": segments}
        endpoint = declared(registry, e=single("logistic@1", monitoring=settings)).checked()["e"]
        assert endpoint.records.segments == wanted


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        (["a", "b", "c", "d", "e", "f"], "6 columns (a, b, c, d, e, f), and at most 5 are allowed"),
        ({"plan": list(range(11))}, "column 'plan' names 11 values, and at most 10 are allowed"),
        ({"plan": []}, "column 'plan' names no values"),
        (["plan", "plan"], "column 'plan' is named twice"),
        (["age"], "the values of 'age' would be kept, and `redact` says they must not be"),
    ],
)
def test_segments_that_cannot_be_are_refused_in_words(registry, segments, message):
    settings = {"segments": segments, "redact": ["age"]}
    refused = problems(declared(registry, e=single("logistic@1", monitoring=settings)))
    assert refused["endpoints.e.monitoring.segments"].startswith(message)


@pytest.mark.parametrize(
    "wrong", [{"sample": 1.5}, {"sample": -0.1}, {"retention_days": 0}, {"key": ""}]
)
def test_settings_of_records_that_mean_nothing_are_refused(registry, wrong):
    with pytest.raises(ValueError, match="monitoring"):
        declared(registry, e=single("logistic@1", monitoring=wrong))


@pytest.mark.parametrize(
    ("log_columns", "said", "left_out"),
    [
        ("schema", {}, {"age", "dose"}),
        ("schema", {"age": {"log": True}}, {"dose"}),
        ("all", {"age": {"log": False}, "dose": {"nullable": True}}, {"age"}),
        ("all", {}, set()),
    ],
)
def test_the_schema_says_which_columns_may_be_recorded(registry, log_columns, said, left_out):
    settings = {
        "schema": {"columns": said},
        "privacy": {"subject": "customer_id", "log_columns": log_columns},
    }
    endpoint = declared(registry, e=single("logistic@1", **settings)).checked()["e"]
    names = {column.name for column in endpoint.signature.inputs}
    assert endpoint.records.redact == left_out & names
    assert endpoint.records.subject == "customer_id"


def test_segments_of_columns_that_may_not_be_recorded_are_refused(registry):
    settings = {"monitoring": {"segments": ["age"]}, "privacy": {"log_columns": "schema"}}
    (message,) = problems(declared(registry, e=single("logistic@1", **settings))).values()
    assert message == "the values of 'age' would be kept, and `schema.columns` does not let them"
