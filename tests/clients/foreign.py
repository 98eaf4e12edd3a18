"""Clients whose pins are not ours, in an environment of their own, called line by line."""

import contextlib
import json
import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ENVIRONMENT = HERE.parents[1] / ".venv-clients"
"""What `make setup-dev` builds of `requirements.txt`."""
MLFLOW = HERE.parents[1] / ".venv-mlflow"
"""What it builds of `requirements-mlflow.txt`: MLflow's server, with the client that fits it."""


class Raised(Exception):
    """What a client raised; `kinds` are the names of its class and of those above it."""

    def __init__(self, kinds, message):
        super().__init__(message)
        self.kinds = kinds


def program(name, environment=ENVIRONMENT):
    """A program of an environment, with the variables to run it with."""
    found = environment / "bin" / name
    if not found.exists():
        pytest.fail(f"there is no {name} in {environment.name}; run `make setup-dev`")
    # Its packages are installed without bytecode, which is written when they are first imported;
    # and some would tell their makers that they are used.
    return str(found), {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "DO_NOT_TRACK": "1"}


@contextlib.contextmanager
def running(script, said, environment=ENVIRONMENT):
    """Calls functions of a script, which runs until the end; its stderr goes to the file `said`."""
    python, variables = program("python", environment)
    with (
        said.open("wb") as stderr,
        subprocess.Popen(
            [python, str(HERE / "scripts" / script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=variables,
            text=True,
        ) as process,
    ):

        def call(name, /, **arguments):
            line = ""
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(json.dumps({"call": name, "with": arguments}) + "\n")
                process.stdin.flush()
                line = process.stdout.readline()
            assert line, f"the client's process ended: {said.read_text()[-2000:]}"
            answer = json.loads(line)
            if "raised" in answer:
                raise Raised(answer["raised"], answer["message"])
            return answer["gave"]

        try:
            yield call
        finally:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
