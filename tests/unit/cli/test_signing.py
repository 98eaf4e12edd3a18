"""`serve-app sign`, `verify` and `signing-key`, and signatures in every command that reads."""

import json
import stat
from pathlib import Path

import fsspec
import pytest


@pytest.fixture
def signed(serve_app, registry, monkeypatch, tmp_path):
    """A registry with `logistic@1` in it, and a pair of keys."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SERVE_APP_REGISTRY", registry.url)
    done = serve_app("signing-key", "keys/release.pem")
    assert done.code == 0, done.err
    return serve_app


def alter(registry, path="logistic/1/manifest.json"):
    fs, root = fsspec.url_to_fs(registry.url)
    content = fs.cat_file(f"{root}/{path}")
    fs.pipe_file(f"{root}/{path}", content.replace(b'"created_by": "', b'"created_by": "x'))


def test_the_private_key_is_for_its_owner_alone_and_never_overwritten(signed):
    private = Path("keys/release.pem")
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    before = private.read_bytes(), Path("keys/release.pub.pem").read_bytes()
    assert signed("signing-key", "keys/release.pem").code == 1
    assert (private.read_bytes(), Path("keys/release.pub.pem").read_bytes()) == before


def test_what_is_signed_is_verified(signed):
    done = signed("sign", "logistic@1", "--key", "keys/release.pem", "--signer", "Ada, release")
    assert done.code == 0, done.err
    assert done.out.startswith("logistic@1: signed by Ada, release (key ")
    done = signed("verify", "logistic@1", "--key", "keys/release.pub.pem", "--json")
    assert done.code == 0, done.err
    (one,) = json.loads(done.out)["verified"]
    assert one["version"] == "logistic@1"
    assert [by["signer"] for by in one["signatures"]] == ["Ada, release"]
    # Whoever signs again replaces their own signature.
    assert signed("sign", "logistic@1", "--key", "keys/release.pem").code == 0
    assert signed("verify", "logistic@1", "--key", "keys/release.pub.pem").code == 0


def test_what_is_not_signed_or_was_altered_is_refused(signed, registry):
    done = signed("verify", "--key", "keys/release.pub.pem")
    assert done.code == 1
    assert "is not signed, and this registry's versions must be; look" in done.err
    signed("sign", "logistic@1", "--key", "keys/release.pem", "--signer", "Ada")
    alter(registry)
    done = signed("verify", "logistic@1", "--key", "keys/release.pub.pem")
    assert done.code == 1
    assert "logistic@1 has another manifest than Ada signed" in done.err


def test_nothing_is_verified_without_a_key(signed):
    done = signed("verify", "logistic@1")
    assert done.code == 2
    assert "Whose signatures count?" in done.err


COMMANDS = [
    ["models", "show", "logistic@1", "--registry", "URL"],
    ["models", "verify", "logistic@1"],
    ["export", "wheel", "logistic@1"],
    ["export", "onnx", "logistic@1"],
    ["export", "sbom", "logistic@1", "--out", "sbom.json"],
    ["build", "logistic@1", "--image", f"registry.example/base@sha256:{'a' * 64}"],
    ["verify", "logistic@1"],
]


@pytest.mark.parametrize("line", COMMANDS, ids=lambda line: " ".join(line[:2]))
def test_every_command_that_reads_a_version_can_want_it_signed(signed, registry, line):
    line = [registry.url if one == "URL" else one for one in line]
    wanted = [*line, "--trusted-key", "keys/release.pub.pem", "--require-signed"]
    done = signed(*wanted)
    assert done.code == 1
    assert "logistic@1 is not signed" in done.err
    signed("sign", "logistic@1", "--key", "keys/release.pem")
    done = signed(*wanted)
    assert done.code == 0, done.err


def test_what_the_environment_wants_signed_is_refused_unless_it_is(signed, monkeypatch, registry):
    monkeypatch.setenv("SERVE_APP_REQUIRE_SIGNED", "true")
    done = signed("export", "wheel", "logistic@1")
    assert "no key is trusted" in done.err
    monkeypatch.setenv("SERVE_APP_TRUSTED_KEYS", "keys/release.pub.pem")
    done = signed("export", "wheel", "logistic@1")
    assert "logistic@1 is not signed" in done.err


def test_an_alias_is_moved_with_a_signature(signed, registry):
    signed("sign", "logistic@1", "--key", "keys/release.pem")
    line = ["models", "alias", "logistic@1", "champion"]
    wanted = ["--trusted-key", "keys/release.pub.pem", "--require-signed"]
    done = signed(*line, *wanted, "--registry", registry.url)
    assert done.code == 1
    assert "must be signed, and there is no key here" in done.err
    done = signed(*line, *wanted, "--sign-key", "keys/release.pem")
    assert done.code == 0, done.err
    done = signed("verify", "logistic@champion", "--key", "keys/release.pub.pem")
    assert done.code == 0, done.err
    alter(registry, "logistic/aliases/champion/1.json")
    done = signed(*line, "--remove", *wanted, "--sign-key", "keys/release.pem")
    assert done.code == 0, done.err


def test_an_image_can_be_built_of_a_signed_version_and_verified_in_it(signed):
    signed("sign", "logistic@1", "--key", "keys/release.pem")
    done = signed("build", "logistic@1", "--image", f"registry.example/base@sha256:{'a' * 64}")
    assert done.code == 0, done.err
    (manifest,) = Path("image").rglob("manifest.json")
    inside = str(manifest.parents[2])
    done = signed("verify", "--key", "keys/release.pub.pem", "--registry", inside)
    assert done.code == 0, done.err
    assert "logistic@1: as " in done.out


CONFIG = """
http_options: {host: 127.0.0.1}
applications:
- name: control
  import_path: serve_app.app:control
  route_prefix: null
  args: {registry: REGISTRY}
  deployments:
  - name: Control
    user_config:
      endpoints: {churn: {route: {kind: single, model: logistic@1}}}
- name: gateway
  import_path: serve_app.app:gateway
  route_prefix: /
  args: {registry: REGISTRY}
- name: logistic-1
  import_path: serve_app.app:model
  route_prefix: null
  args: {model: logistic, version: 1, registry: REGISTRY}
"""


def config(registry, **settings):
    place = json.dumps({"url": registry.url, **settings})
    Path("config.yaml").write_text(CONFIG.replace("REGISTRY", place))

    return "config.yaml"


def test_a_config_whose_versions_are_not_signed_is_not_valid(signed, registry):
    keys = {"require_signed": True, "trusted_keys": ["./keys/release.pub.pem"]}
    file = config(registry, **keys)
    done = signed("validate", file)
    assert done.code == 1
    assert "args.version: logistic@1 is not signed" in done.err
    assert "endpoints.churn" in done.err
    signed("sign", "logistic@1", "--key", "keys/release.pem")
    done = signed("validate", file)
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"require_signed": True}, "`require_signed` needs `trusted_keys`"),
        ({"trusted_keys": ["./nowhere.pem"]}, "nowhere.pem cannot be read"),
        ({"trusted_keys": ["./keys/release.pem"]}, "the private key, which signs"),
        ({"trusted_key": ["a"]}, "Did you mean 'trusted_keys'?"),
    ],
)
def test_settings_of_a_registry_that_cannot_be_are_told(signed, registry, settings, words):
    done = signed("validate", config(registry, **settings))
    assert done.code == 1
    assert words in done.err


def test_what_is_registered_with_a_key_is_never_there_without_its_signature(
    signed, models, monkeypatch, tmp_path
):
    import skops.io

    monkeypatch.setenv("SERVE_APP_QUARANTINE_TIME_S", "0")
    monkeypatch.setenv("SERVE_APP_REGISTRY", str(tmp_path / "own"))
    estimator, data = models["logistic"]
    skops.io.dump(estimator, tmp_path / "model.skops")
    data.to_csv(tmp_path / "rows.csv", index=False)
    done = signed(
        *("register", "tiny", "model.skops", "--data", "rows.csv", "--alias", "champion"),
        *("--sign-key", "keys/release.pem", "--signer", "Ada"),
        *("--trusted-key", "keys/release.pub.pem", "--require-signed"),
    )
    assert done.code == 0, done.err
    done = signed("verify", "tiny@champion", "--key", "keys/release.pub.pem")
    assert "tiny@1: as Ada signed it" in done.out
