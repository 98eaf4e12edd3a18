"""Whatever commands print, they print as one JSON document for programs, and nothing beside it."""

import json

import click
import pytest

from serve_app.cli.main import cli

PRINTS_CODE_FOR_A_SHELL = {("completion",)}
WRITES_A_LOG = {("run",), ("cluster", "supervise"), ("jobs", "work")}


def commands(group, path=()):
    if not isinstance(group, click.Group):
        yield path, group
        return
    context = click.Context(group)
    for name in group.list_commands(context):
        yield from commands(group.get_command(context, name), (*path, name))


EVERY = dict(commands(cli))


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_every_command_that_prints_data_has_the_option(path):
    options = {name for parameter in EVERY[path].params for name in parameter.opts}
    assert ("--json" in options) == (path not in PRINTS_CODE_FOR_A_SHELL | WRITES_A_LOG)


@pytest.mark.parametrize(
    "line",
    [
        ["models", "list"],
        ["models", "show", "progression-xgb"],
        ["models", "alias", "progression-xgb"],
        ["models", "alias", "progression-xgb@1", "best"],
        ["models", "alias", "progression-xgb@best", "--remove"],
        ["models", "verify", "progression-xgb@1"],
        ["train-examples", "progression"],
        ["init", "made.yaml", "--force"],
        ["validate", "made.yaml"],
        ["events"],
        ["feedback"],
        ["feedback", "--records"],
        ["records", "list"],
        ["records", "query"],
        ["cluster", "stop"],
        ["monitor", "down"],
    ],
    ids=" ".join,
)
def test_nothing_stands_beside_the_document(serve_app, home, line):
    if line[0] == "validate":
        serve_app("init", "made.yaml", "--force")
    said = serve_app(*line, "--json")
    assert said.code == 0, said.err
    assert json.loads(said.out) is not None


def test_a_mistake_leaves_the_output_empty(serve_app, home):
    said = serve_app("models", "show", "nobody", "--json")
    assert (said.code, said.out) == (1, "")
    assert "there is no model 'nobody'" in said.err
