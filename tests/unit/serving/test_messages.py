"""Of what Serve says, people read the cause; strangers read nothing of the inside."""

import pytest

from serve_app.errors import NotReady, RegistryFailed
from serve_app.serving.messages import cause, told

STARTED = """The deployment failed to start 3 times in a row. This may be due to a problem with \
its constructor or initial health check failing. See controller logs for details. Error:
ray::ServeReplica:churn-1:Model.initialize_and_get_metadata() (pid=1, ip=127.0.0.1)
  File "/x/workers.py", line 30, in __init__
    loaded = load(
ValueError: of before

During handling of the above exception, another exception occurred:

ray::ServeReplica:churn-1:Model.initialize_and_get_metadata()
{last}"""


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            STARTED.replace("{last}", "ModuleNotFoundError: No module named 'own'\n"),
            "ModuleNotFoundError: No module named 'own'",
        ),
        (
            STARTED.replace("{last}", "serve_app.errors.ConfigError: this is no pickle"),
            "this is no pickle",
        ),
        ("Waiting for\n 1 CPU; 0.2 are free.", "Waiting for 1 CPU; 0.2 are free."),
        ("Failed to update ['Model'].", "Failed to update ['Model']."),
        ("", ""),
    ],
)
def test_the_line_in_which_a_traceback_ends_is_the_cause(message, said):
    assert cause(message) == said


def test_what_the_registry_says_of_its_files_stays_inside():
    assert "/secret" not in told(RegistryFailed("/secret/registry cannot be read"))
    assert told(NotReady("churn@1 has no replica")) == "churn@1 has no replica"
