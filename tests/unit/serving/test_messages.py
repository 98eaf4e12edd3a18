"""Of what Serve says, people read the cause; strangers read nothing of the inside."""

import pytest

from serve_app.errors import NotReady, RegistryFailed
from serve_app.serving.messages import LONGEST, cause, causes, plain, words_for_outside

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
    assert "/secret" not in words_for_outside(RegistryFailed("/secret/registry cannot be read"))
    assert words_for_outside(NotReady("churn@1 has no replica")) == "churn@1 has no replica"


TRACEBACK = """The deployment failed to start 3 times in a row. See worker logs. Retrying.
\x1b[36mray::ServeReplica:churn-1:Model.initialize_and_get_metadata()\x1b[39m (pid=7, ip=127.0.0.1)
  File "/x/ray/serve/_private/replica.py", line 1, in initialize_and_get_metadata
    raise RuntimeError(traceback.format_exc()) from None
RuntimeError: Traceback (most recent call last):
  File "/x/serve_app/engine/load.py", line 90, in load
    raise ArtifactRejected(said)
serve_app.errors.ArtifactRejected: churn@1 needs the module 'mine', which cannot be imported here
"""


def test_our_own_error_is_the_cause():
    assert cause(TRACEBACK) == "churn@1 needs the module 'mine', which cannot be imported here"


def test_somebody_elses_error_is_told_with_its_kind():
    said = "Failed.\nTraceback (most recent call last):\n  File x\nmodule.OddError: it  broke\n"
    assert cause(said) == "OddError: it broke"


def test_what_holds_no_traceback_is_told_as_it_is():
    assert cause("Replica is starting:\n 1 pending") == "Replica is starting: 1 pending"
    assert cause("") == ""


def test_deployments_know_better_than_their_application():
    failed = {
        "message": "Failed to update the deployments ['Model'].",
        "deployments": {"Model": {"message": TRACEBACK}, "Other": {"message": ""}},
    }
    assert causes(failed).startswith("churn@1 needs the module")
    assert causes({"message": "it is new", "deployments": {}}) == "it is new"


@pytest.mark.parametrize(
    "message",
    [
        "\x1b[36mray::Model\x1b[39m (pid=7)",
        "ray::Model\x1b[0m (pid=7)\x1b[K",
        "\x1b]0;title\x07ray::Model (pid=7)",
        "\x1b]8;;http://x\x1b\\ray::Model\x1b]8;;\x1b\\ (pid=7)",
        "ray::\\x1b[36mModel\\x1b[39m (pid=7)",
        "ray::Model\x08\x00 (pid=7)",
        "\x9b36mray::Model (pid=7)",
    ],
    ids=repr,
)
def test_no_escape_code_of_a_terminal_is_left(message):
    assert plain(message) == "ray::Model (pid=7)"
    assert cause(message) == "ray::Model (pid=7)"


@pytest.mark.parametrize(
    "before", ["", "serve_app.errors.ConfigError: ", "Traceback:\nValueError: "]
)
def test_of_a_long_message_the_end_is_kept_and_a_few_words_of_the_beginning(before):
    said = cause(before + "the beginning " + "and so on " * 200 + "because of this")
    assert len(said) <= LONGEST
    assert " … " in said
    assert said.endswith("and so on because of this")
    assert "the beginning" in said


def test_a_message_of_the_longest_length_stays_whole():
    assert cause("x" * LONGEST) == "x" * LONGEST
    assert len(cause("x" * (LONGEST + 1))) == LONGEST
