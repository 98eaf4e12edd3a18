"""What Serve deploys imports little where a config is read, and does its work in a replica."""

import asyncio
import subprocess
import sys
from importlib import import_module

import pytest

from serve_app.serving.deployments import Control, Deployed, Gateway, Model, Monitor

# Python calls it as well, and awaits nothing.
pytestmark = pytest.mark.filterwarnings("ignore:coroutine 'Deployed.__del__':RuntimeWarning")
EVERY = pytest.mark.parametrize(
    "deployment", [Model, Gateway, Control, Monitor], ids=lambda one: one.name
)


@EVERY
def test_serve_finds_a_replica_that_stands_still_within_half_a_minute(deployment):
    config = deployment._deployment_config
    # Three silences one after the other, each with the look before it.
    assert 3 * (config.health_check_timeout_s + config.health_check_period_s) <= 30.0


@EVERY
def test_the_work_of_each_is_where_it_says_and_can_be_closed(deployment):
    module, _, name = deployment.func_or_class.work.partition(":")
    work = getattr(import_module(module), name)
    assert asyncio.iscoroutinefunction(work.close)


def test_where_a_config_is_read_nothing_is_imported_that_answers_requests():
    code = "import sys, serve_app.app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    parts = {".".join(name.split(".")[:2]) for name in done.stdout.split()}
    heavy = {"serve_app.engine", "serve_app.gateway", "serve_app.models", "serve_app.monitoring"}
    assert not parts & heavy
    assert not {"onnxruntime", "sklearn", "xgboost"} & parts


class Work:
    """Some work with a method that is called by its name."""

    closed = 0

    def __init__(self, args):
        if args is None:
            raise ValueError("no args")
        self.args = args

    async def hear(self, word):
        return self.args, word

    async def close(self):
        type(self).closed += 1


class Some(Deployed):
    work = f"{__name__}:Work"


def test_whatever_is_called_is_passed_on_to_the_work():
    async def calls():
        one = Some("args")
        heard = await one.hear("word")
        await one.__del__()
        return heard, hasattr(one, "reconfigure")

    assert asyncio.run(calls()) == (("args", "word"), False)
    assert Work.closed >= 1


def test_what_did_not_begin_has_nothing_to_close():
    one = object.__new__(Some)
    with pytest.raises(ValueError, match="no args"):
        one.__init__(None)
    assert not hasattr(one, "hear")
    asyncio.run(one.__del__())
