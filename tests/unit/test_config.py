"""Settings are frozen, refuse unknown keys, and say what does not fit."""

import pytest
from pydantic import ValidationError

from serve_app import config

SPLIT = {
    "kind": "split",
    "key": "patient_id",
    "variants": [{"model": "a@1", "weight": 90}, {"model": "b@2", "weight": 10}],
}


def endpoint(**changes):
    return config.ControlSettings.model_validate({"endpoints": {"e": {"route": SPLIT, **changes}}})


def test_a_split_keeps_its_weights_and_key():
    settings = endpoint().endpoints["e"]
    assert [(v.model, v.weight) for v in settings.variants] == [("a@1", 90.0), ("b@2", 10.0)]
    assert settings.route.key == "patient_id"


def test_a_single_route_has_one_variant_of_weight_one():
    settings = endpoint(route={"kind": "single", "model": "a@1"}).endpoints["e"]
    assert [(v.model, v.weight) for v in settings.variants] == [("a@1", 1.0)]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"fallbak": "a@1"}, "Extra inputs are not permitted"),
        ({"fallback": "a"}, "write model@number"),
        ({"fallback": "a@Champion"}, "write model@number"),
        ({"fallback": "a@0"}, "write model@number"),
        ({"timeout_s": 0}, "greater than 0"),
        ({"timeout_s": 1, "variant_timeout_s": 2}, "above timeout_s"),
        ({"route": {"kind": "spilt", "variants": []}}, "does not match any of the expected tags"),
        ({"route": {**SPLIT, "variants": []}}, "at least 1 item"),
        ({"route": {**SPLIT, "variants": [{"model": "a@1", "weight": 0}]}}, "all weights are 0"),
        ({"route": {**SPLIT, "variants": [{"model": "a@1", "weight": -1}]}}, "greater than or"),
        ({"route": {**SPLIT, "variants": [{"model": "a@1"}, {"model": "a@1"}]}}, "stands twice"),
        (
            {"route": {"kind": "ensemble", "quorum": 3, "variants": SPLIT["variants"]}},
            "only 2 variants",
        ),
        ({"schema": {"range": "panic"}}, "Input should be 'refuse', 'warn' or 'ignore'"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(changes, said):
    with pytest.raises(ValidationError, match=said):
        endpoint(**changes)


def test_settings_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        config.GatewayArgs().max_rows = 1


def test_a_relative_path_starts_from_the_folder_that_the_cluster_started_in(monkeypatch, tmp_path):
    monkeypatch.setenv(config.HOME_VARIABLE, str(tmp_path))
    assert config.ControlArgs().registry == str(tmp_path / "registry")
    assert config.located("s3://bucket/models") == "s3://bucket/models"
    assert config.located("/abs/models") == "/abs/models"


def test_the_declaration_is_the_same_however_defaults_were_written():
    assert endpoint().declaration() == endpoint(timeout_s=10.0, schema={}).declaration()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://app.example.com", "https://app.example.com"),
        ("HTTPS://App.Example.com:443", "https://app.example.com"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://localhost:80", "http://localhost"),
        ("http://example.com:443", "http://example.com:443"),
        ("http://[::1]:5173", "http://[::1]:5173"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("*", "*"),
    ],
)
def test_origins_are_kept_as_browsers_write_them(written, meant):
    assert config.CorsSettings(origins=[written]).origins == (meant,)


@pytest.mark.parametrize(
    ("cors", "message"),
    [
        ({"origins": ["https://a.org/"]}, "has '/' behind the host, .*'https://a.org'"),
        ({"origins": ["https://a.org:8443/app?x"]}, "ends: 'https://a.org:8443'"),
        ({"origins": ["a.org"]}, "'a.org' is no origin; write scheme://host"),
        ({"origins": [""]}, "'' is no origin"),
        ({"origins": ["https://*.a.org"]}, "each subdomain needs an origin of its own"),
        ({"origins": ["https://bücher.de"]}, "xn--"),
        ({"origins": ["http://a.org:70000"]}, "ports are 1 to 65535"),
        ({"origins": ["null"]}, "any sandboxed page"),
        ({"origins": ["*", "https://a.org"]}, "write it alone"),
        ({"origins": ["*"], "credentials": True}, "named one by one"),
        ({"origins": "https://a.org"}, r"origins are a list; write \['https://a.org'\]"),
        ({"origins": []}, "at least 1 item"),
        ({}, "origins"),
        ({"origins": ["https://a.org"], "max_age_s": -1}, "max_age_s"),
    ],
)
def test_what_is_no_origin_is_refused_in_words(cors, message):
    with pytest.raises(ValueError, match=message):
        config.GatewayArgs.model_validate({"cors": cors})


@pytest.mark.parametrize(
    ("telemetry", "message"),
    [
        ({"endpoint": "collector:4318"}, "write the URL of a collector"),
        ({"endpoint": "ftp://collector"}, "write the URL of a collector"),
        ({"endpoint": "http://[::1"}, "write the URL of a collector"),
        ({"endpoint": "https://me:secret@collector"}, "a URL in a config may hold no secret"),
        ({"endpoint": "https://collector/?key=secret"}, "a URL in a config may hold no secret"),
        ({"headers_env": {"api-key": "secret-4f6a"}}, "and never the secret itself"),
        ({"headers_env": {"api-key": "eu01secretNRAL"}}, "and never the secret itself"),
        ({"headers_env": {"api-key": "4F6ASECRET"}}, "and never the secret itself"),
        ({"headers_env": {"api key:": "KEY"}}, "should match pattern"),
        ({"sampling": 1.5}, "less than or equal to 1"),
        ({"metrics": "twice"}, "'beside', 'instead' or 'none'"),
        ({"headers": {"api-key": "secret"}}, "Extra inputs are not permitted"),
    ],
)
def test_telemetry_that_cannot_be_is_refused_without_its_secrets(telemetry, message):
    for args in (config.GatewayArgs, config.ControlArgs, config.MonitorArgs, config.ModelArgs):
        model = {"model": "a", "version": 1} if args is config.ModelArgs else {}
        with pytest.raises(ValidationError, match=message) as error:
            args.model_validate({**model, "telemetry": telemetry})
        assert "secret" not in str(error.value).lower().replace("no secret", "").replace(
            "the secret itself", ""
        )


def test_telemetry_is_off_unless_it_is_declared():
    assert config.GatewayArgs().telemetry is None
    assert config.ModelArgs(model="a", version=1).telemetry is None
    declared = config.ModelArgs(model="a", version=1, telemetry={"endpoint": "http://c:4318/"})
    assert declared.telemetry.endpoint == "http://c:4318"
    assert declared.telemetry.metrics == "beside"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"multivariate": {"alarm_windows": 4}}, "4 of the last 3 windows can never say so"),
        ({"outliers": {"window_s": 61}}, "60, 300, 3600 or 86400"),
        ({"domain": {"of_windows": 1}}, "2 of the last 1 hours can never say so"),
        ({"domain": {"most_rows": 100}}, "most_rows must be at least minimum_rows, which is 200"),
        ({"attribution": {"alarm_windows": 4}}, "4 of the last 3 hours can never say so"),
        ({"attribution": {"most_rows": 50}}, "at least minimum_rows, which is 100"),
        ({"attribution": {"threshold": 1}}, "less than 1"),
        ({"data_quality": {"volume_factor": 1}}, "greater than 1"),
        ({"callers": {"most_callers": 4}}, "greater than or equal to 5"),
    ],
)
def test_watches_refuse_settings_that_cannot_be(args, words):
    with pytest.raises(ValidationError, match=words):
        config.MonitorArgs.model_validate(args)


def test_a_salt_is_long_and_not_shown():
    short = {"by": "identity", "salt": "too short"}
    with pytest.raises(ValidationError, match="at least 16 characters") as refused:
        config.MonitoringSettings.model_validate({"callers": short})
    assert "input_value" not in str(refused.value)
    kept = config.MonitoringSettings.model_validate({"callers": {**short, "salt": "x" * 16}})
    assert "x" * 16 not in repr(kept)
