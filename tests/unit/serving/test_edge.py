"""What Serve calls of ours before its own code."""

import subprocess
import sys

CODE = """
import ray.exceptions
from serve_app.serving.edge import plain_messages

plain_messages()
try:
    raise ValueError("broken")
except ValueError as error:
    said = "Traceback (most recent):\\nValueError: broken"
    failed = ray.exceptions.RayTaskError("f", said, error)
print(repr(str(failed)))
"""


def test_errors_of_other_processes_have_no_colours_in_the_controllers_messages():
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=60, check=True
    )
    assert "ValueError: broken" in done.stdout
    assert "x1b" not in done.stdout
