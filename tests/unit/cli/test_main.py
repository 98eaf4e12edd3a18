"""Help teaches, and mistakes get one line that says what to do."""

import subprocess
import sys

import click
import pytest

from serve_app.cli.main import cli


def commands(group, path=()):
    yield path, group
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            yield from commands(group.get_command(context, name), (*path, name))


EVERY = dict(commands(cli))


@pytest.mark.parametrize("path", EVERY, ids=lambda path: " ".join(path) or "serve-app")
def test_every_command_and_every_option_explains_itself(serve_app, path):
    said = serve_app(*path, "--help")
    assert said.code == 0
    command = EVERY[path]
    assert command.help
    assert " ".join(command.help.split(".")[0].split()) in " ".join(said.out.split())
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.name not in {"help", "evaluate"}:
            assert parameter.help, f"{path}: {parameter.name}"


@pytest.mark.parametrize("path", EVERY, ids=lambda path: " ".join(path) or "serve-app")
def test_what_is_laid_out_by_hand_keeps_its_lines(serve_app, path):
    _, _, laid_out = (EVERY[path].help or "").partition("\b\n")
    said = [line.strip() for line in serve_app(*path, "--help").out.splitlines()]
    assert "\\b" not in "".join(said)
    assert {line.strip() for line in laid_out.splitlines()} <= {*said, ""}


def test_the_issue_can_be_typed():
    wanted = {
        ("cluster", "start"), ("cluster", "stop"), ("cluster", "status"), ("train-examples",),
        ("register",), ("models", "list"), ("models", "show"), ("models", "alias"),
        ("models", "verify"), ("validate",), ("endpoints", "list"), ("endpoints", "show"),
        ("endpoints", "set-weights"), ("predict",), ("status",), ("deploy",), ("demo",),
        ("serve",), ("endpoints", "add"), ("endpoints", "remove"), ("init",),
    }  # fmt: skip
    assert wanted <= set(EVERY)


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom serve_app.cli.main import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'ray', 'sklearn', 'xgboost', 'pandas', 'starlette', 'skops'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr.strip() == "[]"


def test_a_name_that_is_no_command_is_wrong_use(serve_app):
    said = serve_app("deplyo")
    assert said.code == 2
    assert "deploy" in said.err


@pytest.mark.parametrize(
    "line",
    [
        ["validate"],
        ["predict"],
        ["predict", "diagnosis", "--data", "nothing.csv"],
        ["cluster", "start", "--http-port", "many"],
        ["endpoints", "set-weights", "diagnosis", "diagnosis-xgb@1"],
        ["endpoints", "set-weights", "diagnosis", "diagnosis-xgb@1=half"],
        ["models", "show"],
    ],
    ids=" ".join,
)
def test_wrong_use_is_said_with_exit_code_two(serve_app, tmp_path, monkeypatch, line):
    monkeypatch.chdir(tmp_path)
    said = serve_app(*line)
    assert said.code == 2
    assert "Traceback" not in said.err
    assert said.err


@pytest.mark.parametrize(
    "line",
    [
        ["status"],
        ["endpoints", "list"],
        ["endpoints", "show", "diagnosis"],
        ["endpoints", "set-weights", "diagnosis", "diagnosis-xgb@1=1"],
        ["cluster", "status"],
    ],
    ids=" ".join,
)
def test_without_a_cluster_one_line_says_how_to_start_it(serve_app, tmp_path, monkeypatch, line):
    monkeypatch.chdir(tmp_path)
    said = serve_app(*line)
    assert said.code == 1
    (text,) = said.err.strip().splitlines()
    assert text.startswith("error: ")
    assert "serve-app cluster start" in text


def test_stopping_what_never_started_is_no_error(serve_app, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = serve_app("cluster", "stop")
    assert said.code == 0
    assert "nothing was running" in said.out


def test_debug_shows_where_an_error_came_from(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "serve_app.cli.main", "status"],
        capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0
    code = "from serve_app.cli.main import main; main()"
    for flag, expected in (([], False), (["--debug"], True)):
        done = subprocess.run(
            [sys.executable, "-c", code, "status", *flag],
            capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 1
        assert ("Traceback" in done.stderr) is expected
