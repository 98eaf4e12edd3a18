"""Shells complete what people type, and nobody gets escape codes who does not want them."""

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from serve_app.cli.main import COMMANDS
from serve_app.core.signature import Output, Signature
from serve_app.registry.manifest import Draft
from serve_app.registry.store import Registry

PROGRAM = "from serve_app.cli.main import main; main()"
ESCAPE = "\x1b"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with two models, one of which has an alias, and `serve-app` on the path."""
    monkeypatch.chdir(tmp_path)
    store = Registry("./registry")
    for name in ("churn", "churn", "risk"):
        signature = Signature((), Output("regression"))
        store.register(Draft(name=name, flavour="xgboost", format="ubj", signature=signature), {})
    store.set_alias("churn", "champion", 2, by="ada")
    program = tmp_path / "bin" / "serve-app"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\n{PROGRAM}\n")
    program.chmod(0o755)
    paths = os.pathsep.join(filter(None, [str(Path(__file__).parents[3]), *sys.path]))
    monkeypatch.setenv("PYTHONPATH", paths)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def completed(words):
    """What bash offers for the last of some words, as its completion asks for it."""
    quoted = " ".join(f"'{word}'" for word in words)
    script = (
        'eval "$(serve-app completion bash)"\n'
        f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}\n"
        "_serve_app_completion serve-app\n"
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        [shutil.which("bash"), "--norc", "-c", script],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["serve-app", ""], sorted(COMMANDS)),
        (["serve-app", "mod"], ["models"]),
        (["serve-app", "models", "del"], ["delete"]),
        (["serve-app", "models", "show", ""], ["churn", "risk"]),
        (["serve-app", "models", "show", "churn@"], ["churn@1", "churn@2", "churn@champion"]),
        (["serve-app", "models", "delete", "churn@c"], ["churn@champion"]),
        (["serve-app", "models", "show", "--registry", "nowhere", "c"], []),
        (["serve-app", "predict", "churn", "--tar"], ["--target"]),
        (["serve-app", "predict", ""], []),
        (["serve-app", "completion", "z"], ["zsh"]),
    ],
    ids=lambda value: " ".join(value) or "nothing",
)
def test_bash_completes_commands_options_and_names(folder, words, offered):
    assert completed(words) == offered


def test_names_of_commands_are_completed_without_importing_them(folder):
    code = (
        "import sys\nfrom serve_app.cli.main import main\n"
        "try: main([])\nexcept SystemExit: pass\n"
        "print(sorted({'ray', 'pandas', 'sklearn'} & set(sys.modules)), file=sys.stderr)\n"
        "print('serve_app.cli.models' in sys.modules, file=sys.stderr)"
    )
    asked = {"_SERVE_APP_COMPLETE": "bash_complete", "COMP_WORDS": "serve-app ", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **asked}, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert "plain,register" in done.stdout
    assert done.stderr.split("\n")[:2] == ["[]", "False"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_a_script_that_names_the_program(serve_app, shell):
    said = serve_app("completion", shell)
    assert said.code == 0
    assert "_SERVE_APP_COMPLETE" in said.out


def at_a_terminal(arguments, **environment):
    """Everything that a command writes to a terminal."""
    reading, writing = pty.openpty()
    clean = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "FORCE_COLOR", "TERM"}}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdin=writing, stdout=writing, stderr=writing, env={**clean, **environment},
    )  # fmt: skip
    os.close(writing)
    said = b""
    while True:
        try:
            piece = os.read(reading, 65536)
        except OSError:
            # Linux says so when nobody writes any more.
            break
        if not piece:
            break
        said += piece
    process.wait(60)
    os.close(reading)
    return said.decode()


LINES = [
    ["models", "list"],
    ["models", "show", "nobody"],
    ["train-examples", "--registry", "bin/serve-app"],
]


@pytest.mark.parametrize("arguments", LINES, ids=" ".join)
@pytest.mark.parametrize(
    "environment",
    [
        {"NO_COLOR": "1", "TERM": "xterm-256color"},
        {"TERM": "dumb"},
        {"NO_COLOR": "1", "TERM": "dumb"},
    ],
    ids=str,
)
def test_who_wants_no_colour_gets_no_escape_code(folder, arguments, environment):
    said = at_a_terminal(arguments, **environment)
    assert said.strip()
    assert ESCAPE not in said


@pytest.mark.parametrize("arguments", LINES, ids=" ".join)
def test_other_terminals_get_some(folder, arguments):
    assert ESCAPE in at_a_terminal(arguments, TERM="xterm-256color")


@pytest.mark.parametrize("arguments", LINES, ids=" ".join)
def test_a_pipe_gets_no_escape_code(folder, arguments):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env={**os.environ, "TERM": "xterm-256color"},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.stdout + done.stderr
    assert ESCAPE not in done.stdout + done.stderr


def test_json_is_json_at_a_terminal_too(folder):
    said = json.loads(at_a_terminal(["models", "list", "--json"], TERM="xterm-256color"))
    assert [row["model"] for row in said] == ["churn", "risk"]
