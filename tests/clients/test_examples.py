"""The examples of `examples/` call a running gateway as their readers would."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
ROW = {"age": 61.0, "dose": 2.5}
BAD = {"age": "old", "dose": 2.5}


@pytest.fixture
def expected(served):
    """What the model itself says of the row."""
    import numpy as np

    from serve_app.core.columns import Columns

    columns = Columns.from_block(tuple(ROW), np.array([list(ROW.values())]))
    return served.models["line@1"].predict(columns).values.tolist()


def ran(*command, code=0):
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr
    return done


COMMANDS = {"sh": "predict.sh", "node": "fetch.mjs"}


@pytest.mark.parametrize("program", COMMANDS)
def test_a_script_prints_the_answer(served, expected, program):
    script = str(EXAMPLES / COMMANDS[program])
    done = ran(program, script, f"http://{served.http}", "age", json.dumps(ROW))
    assert json.loads(done.stdout)["predictions"] == expected


@pytest.mark.parametrize("program", COMMANDS)
def test_a_script_says_why_it_was_refused(served, program):
    script = str(EXAMPLES / COMMANDS[program])
    done = ran(program, script, f"http://{served.http}", "age", json.dumps(BAD), code=1)
    assert "expected a number" in done.stdout + done.stderr


@pytest.fixture
def page(served, monkeypatch):
    """The Flask application in front of the gateway, without a server of its own."""
    import importlib.util

    monkeypatch.setitem(os.environ, "SERVE_APP_URL", f"http://{served.http}")
    spec = importlib.util.spec_from_file_location("flask_app", EXAMPLES / "flask_app.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "flask_app", module)
    spec.loader.exec_module(module)
    yield module.app.test_client()
    module.client.close()


def test_a_page_of_flask_gives_the_prediction(page, expected):
    answer = page.post("/age", json=ROW)
    assert answer.get_json() == {"prediction": expected[0], "answered_by": ["line@1"]}


def test_a_page_of_flask_tells_users_what_they_can_mend_and_nothing_else(page):
    refused = page.post("/age", json=BAD)
    assert refused.status_code == 400
    assert "expected a number" in refused.get_json()["error"]
