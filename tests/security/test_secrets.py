"""Passwords in URLs and settings, looked for wherever people and programs can read."""

from __future__ import annotations

import io
import json
import logging
import pickle
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from serve_app.cli.main import main
from serve_app.config import ControlArgs, GatewayArgs, ModelArgs, MonitorArgs
from serve_app.core.secret import Secret
from serve_app.engine.trusted_registry import open_registry
from serve_app.errors import ServeError
from serve_app.monitoring.log import JsonLines, TextLines
from serve_app.serving.alerting.delivery import secret
from serve_app.serving.alerting.posting import Target
from serve_app.serving.checking.validate import validate_text
from serve_app.serving.messages import cause

SECRET = "s3cretword"
PLACES = [
    f"s3://AKIA:{SECRET}@bucket/models",
    f"ftp://ada:{SECRET}@127.0.0.1:9/models",
    f"https://h.invalid/models?sig={SECRET}",
    f"memory://ada:{SECRET}@place",
]


@pytest.mark.parametrize("url", PLACES)
@pytest.mark.parametrize(
    "line",
    [
        ["models", "list"],
        ["models", "show", "churn@1"],
        ["export", "wheel", "churn@1"],
        ["verify", "churn@1", "--trusted-key", "key.pem"],
        ["models", "alias", "churn@1", "champion"],
    ],
    ids=lambda line: " ".join(line[:2]),
)
def test_no_command_tells_the_password_of_a_registry(
    url: str, line: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("key.pem").write_text("nothing")
    with pytest.raises(SystemExit):
        main([*line, "--registry", url])
    said = capsys.readouterr()
    assert said.out + said.err
    assert SECRET not in said.out + said.err


@pytest.mark.parametrize("url", PLACES)
def test_no_error_of_a_registry_tells_its_password(url: str) -> None:
    for look in (
        lambda: open_registry(url).manifest("churn", 1),
        lambda: open_registry(url).resolve("churn@champion"),
        lambda: open_registry(url).aliases("churn"),
    ):
        with pytest.raises(ServeError) as refused:
            look()
        error = refused.value
        assert SECRET not in error.message + repr(error.details) + repr(error)
        assert SECRET not in pickle.loads(pickle.dumps(error)).message


def test_no_settings_show_a_password() -> None:
    url = PLACES[0]
    state = f"postgresql://ada:{SECRET}@db/serve"
    whole: list[Any] = [
        ControlArgs(registry=url, state=state),
        GatewayArgs(registry={"url": url}, state=state),
        MonitorArgs(registry=url, state=state, records=url),
        ModelArgs(model="churn", version=1, registry={"url": url}),
    ]
    for args in whole:
        assert SECRET not in repr(args) + str(args)
    for wrong in (
        {"url": url, "require_signed": True},
        {"url": url, "x": 1},
        [url],
        {"url": [url]},
    ):
        with pytest.raises(ValidationError) as refused:
            GatewayArgs(registry=wrong)  # type: ignore[arg-type]
        assert SECRET not in str(refused.value)


def test_a_setting_may_stand_in_the_environment_or_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVE_APP_HOME", str(tmp_path))
    monkeypatch.setenv("STATE_URL", f"postgresql://ada:{SECRET}@db/serve")
    (tmp_path / "registry.txt").write_text(f"s3://AKIA:{SECRET}@bucket\n")
    args = GatewayArgs(
        state={"env": "STATE_URL"},
        registry={"url": {"file": "./registry.txt"}},  # type: ignore[arg-type]
    )
    assert args.state == f"postgresql://ada:{SECRET}@db/serve"
    assert args.registry.url == f"s3://AKIA:{SECRET}@bucket"  # type: ignore[union-attr]
    assert ControlArgs(state={"env": "STATE_URL"}).state == args.state  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"env": "NOT_THERE"}, "environment variable NOT_THERE is not set"),
        ({"env": "EMPTY"}, "the variable EMPTY is empty"),
        ({"file": "nowhere.txt"}, "cannot be read"),
        ({"file": 3}, "names nothing"),
        ({"env": "A", "file": "b"}, "write the text itself"),
        ({"environment": "A"}, "write the text itself"),
        ({}, "write the text itself"),
    ],
)
def test_a_setting_that_is_nowhere_is_told(
    given: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMPTY", " ")
    with pytest.raises(ValidationError, match=words):
        ControlArgs(state=given)


CONFIG: dict[str, Any] = {
    "applications": [
        {
            "name": "gateway",
            "import_path": "serve_app.app:gateway",
            "route_prefix": "/",
            "args": {
                "registry": PLACES[0],
                "state": f"postgresql://ada:{SECRET}@db/serve",
            },
            "runtime_env": {"env_vars": {"SLACK_TOKEN": SECRET, "TZ": "UTC"}},
        }
    ]
}


def test_a_config_that_holds_secrets_is_warned_of_without_telling_them() -> None:
    report = validate_text(yaml.safe_dump(CONFIG))
    keys = {one.key for one in report.warnings}
    assert keys == {
        "applications.0.args.registry",
        "applications.0.args.state",
        "applications.0.runtime_env.env_vars.SLACK_TOKEN",
    }
    assert "{env: NAME} or {file: PATH}" in str(report.warnings)
    assert SECRET not in str(report)


@pytest.mark.parametrize(
    "wrong",
    [
        {"access": {"mode": PLACES[0]}},
        {"cors": {"origins": [PLACES[0]]}},
        {"jobs": {"inputs": ["rows"], "outputs": f"https://ada:{SECRET}@h/x?sig={SECRET}"}},
        {"listeners": [{"profile": f"password={SECRET}", "port": 1}]},
        {"default_endpoint": f"s3://ada:{'x' * 40}{SECRET}{'x' * 400}@bucket"},
        {"detail": [f"postgresql://ada:{SECRET}@db/serve"]},
        {f"s3://ada:{SECRET}@bucket": 1},
    ],
)
def test_a_secret_at_a_wrong_key_is_not_repeated(wrong: dict[str, Any]) -> None:
    gateway = {**CONFIG["applications"][0], "args": wrong, "runtime_env": {}}
    report = validate_text(yaml.safe_dump({"applications": [gateway]}))
    assert report.findings
    assert SECRET not in str(report)


@pytest.mark.parametrize("lines", [JsonLines(), TextLines()], ids=["json", "text"])
def test_no_line_of_a_log_tells_a_password(lines: logging.Formatter) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(lines)
    logger = logging.getLogger(f"tried.{type(lines).__name__}")
    logger.addHandler(handler)
    try:
        raise OSError(f"connection to {PLACES[0]} failed")
    except OSError as error:
        logger.error("cannot reach %s", PLACES[1], exc_info=error, extra={"url": PLACES[2]})
    assert "cannot reach ftp://***@127.0.0.1:9/models" in stream.getvalue()
    assert SECRET not in stream.getvalue()


def test_the_words_of_a_failed_application_tell_no_password() -> None:
    raised = f"psycopg.OperationalError: {PLACES[0]} refused password={SECRET}"
    text = f"Traceback\n  File x\n{raised}"
    assert SECRET not in cause(text)


def test_a_secret_is_hidden_wherever_it_could_be_written() -> None:
    hidden = secret({"TOKEN": f" {SECRET} "}, "TOKEN")
    assert hidden.reveal() == SECRET
    assert hidden == Secret(SECRET) != Secret("other")
    assert len({hidden, Secret(SECRET)}) == 1
    shown = f"{hidden} {hidden!r} {hidden:>20} {Target(hidden, 1.0)} {[hidden]}" + str(hidden)
    assert SECRET not in shown
    assert SECRET not in json.dumps({"a": hidden}, default=str)
    for write in (json.dumps, pickle.dumps):
        with pytest.raises(TypeError):
            write(hidden)
