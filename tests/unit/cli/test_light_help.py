"""What a command says of itself waits for none of the libraries that it may need later."""

import json
import os
import subprocess
import sys

import pytest

HEAVY = ("ray", "sklearn", "pandas", "pyarrow", "xgboost")
SHOWN = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
print(json.dumps([name for name in sys.argv[2:] if name in sys.modules]))
"""


@pytest.mark.parametrize("command", ["deploy", "demo", "serve"])
def test_help_imports_nothing_heavy(command):
    done = subprocess.run(
        [sys.executable, "-c", SHOWN, f"serve_app.cli.{command}", *HEAVY],
        capture_output=True, text=True, check=True, env=os.environ,
    )  # fmt: skip
    assert json.loads(done.stdout) == []
