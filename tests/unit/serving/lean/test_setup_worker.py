"""A worker gets the command and the environment that Ray's own program would give it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import ray
from ray._private.runtime_env.context import RuntimeEnvContext

from serve_app.serving.lean import setup_worker
from serve_app.serving.lean.setup_worker import plain_call

WORKER = ["worker.py", "--node-ip-address=127.0.0.1", "--session-name", "a b; c"]


def arguments(**context):
    serialized = json.dumps({**RuntimeEnvContext().__dict__, **context})
    return [*WORKER, f"--serialized-runtime-env-context={serialized}", "--language=PYTHON"]


def test_the_worker_is_what_ray_named_with_the_variables_of_its_environment():
    command, variables = plain_call(arguments(env_vars={"A": "1"}))
    assert command == [sys.executable, *WORKER]
    assert variables == {"A": "1"}


def test_another_python_runs_the_worker():
    command, _ = plain_call(arguments(py_executable="/opt/python"))
    assert command[0] == "/opt/python"


@pytest.mark.parametrize(
    "context",
    [
        {"command_prefix": ["podman", "run"]},
        {"override_worker_entrypoint": "/elsewhere.py"},
        {"java_jars": ["a.jar"]},
        {"py_executable": "uv run python"},
        {"of_another_release": True},
    ],
)
def test_what_is_not_plain_is_left_to_ray(context):
    assert plain_call(arguments(**context)) is None


def test_another_language_is_left_to_ray():
    assert plain_call(["worker", "--language", "JAVA"]) is None


def test_a_worker_finds_what_it_finds_where_ray_starts_it(tmp_path):
    shown = tmp_path / "shown.py"
    shown.write_text("import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))")
    given = {"PATH": "/bin:/usr/bin", "HOME": "/ada", "SAME": "x"}
    variables = {"A": "${HOME}/a", "B": "$A:${NOT_THERE}", "C": "$not_there", "SAME": "y"}
    context = json.dumps({**RuntimeEnvContext().__dict__, "env_vars": variables})
    given_by_ray = [f"--serialized-runtime-env-context={context}", "--language=PYTHON"]
    of_ray = Path(ray.__file__).parent / "_private" / "workers" / "setup_worker.py"
    seen = []
    for program in (of_ray, setup_worker.__file__):
        done = subprocess.run(
            [sys.executable, str(program), str(shown), "a b; c", *given_by_ray],
            capture_output=True, text=True, check=True, env=given,
        )  # fmt: skip
        argv, environment = json.loads(done.stdout)
        # Of the shell that Ray's goes through, and what importing Ray sets, as the worker will.
        for name in ("_", "SHLVL", "PWD", "OLDPWD", "RAY_CLIENT_MODE"):
            environment.pop(name, None)
        seen.append((argv, environment))
    assert seen[0] == seen[1]
