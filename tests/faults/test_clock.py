"""The wall clock of a server jumps by an hour: nothing fails, and no limit opens or locks."""

import secrets
import shutil
import struct
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from serve_app.control.keys import KeyBook
from serve_app.core.access import KeyOrder
from serve_app.engine.registration.register import Candidate, register
from serve_app.registry.store import Registry
from serve_app.storage.keys_file import KeysFile
from tests.faults.steady import Steady
from tests.security.server import ROW, running

CC = shutil.which("cc")
pytestmark = pytest.mark.skipif(CC is None, reason="no compiler for the library of the clock")
SOURCE = Path(__file__).with_name("clock.c")
PATH = "/v1/models/logistic:predict"
HOUR_S = 3600.0
RATE_PER_S = 200.0
CONFIG = """
applications:
- import_path: serve_app.app:gateway
  args:
    access: {mode: keys}
    limits:
      principals:
        slow: {rows_per_s: 0.01, burst_rows: 100}
        trial: {rows_per_day: 1000}
- import_path: serve_app.app:control
  deployments:
  - name: Control
    user_config:
      endpoints:
        logistic: {route: {kind: single, model: logistic@1}}
"""


class MovedClock:
    """A file that says by how many seconds a process's clock is moved."""

    def __init__(self, file):
        self._file = file
        self.move(0.0)

    def move(self, seconds):
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("d", seconds))


@pytest.fixture
def clock(tmp_path, monkeypatch):
    library = tmp_path / "clock.so"
    subprocess.run([CC, "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
    moved = MovedClock(tmp_path / "moved")
    monkeypatch.setenv("MOVED_CLOCK", str(tmp_path / "moved"))
    monkeypatch.setenv("LD_PRELOAD", str(library))
    return moved


@pytest.fixture
def keys(tmp_path):
    book = KeyBook(
        KeysFile(tmp_path / "keys.json"), clock=time.time, random_bytes=secrets.token_bytes,
        keep_event=lambda _: None,
    )  # fmt: skip
    return {
        name: book.create(KeyOrder(name, ("predict",)), "ada").key
        for name in ("steady", "slow", "trial")
    }


@pytest.fixture
def server(models, tmp_path, keys, clock):
    register(Registry(str(tmp_path / "registry")), Candidate("logistic", *models["logistic"]))
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG)
    options = ("--config", str(config), "--keys-file", str(tmp_path / "keys.json"))
    with running(tmp_path, str(tmp_path / "registry"), *options, models=()) as one:
        yield one


def ask(server, key, rows):
    body = {"instances": [ROW] * rows}
    return httpx.post(server.url + PATH, json=body, headers={"x-api-key": key}, timeout=30)


@pytest.mark.parametrize("by_s", [HOUR_S, -HOUR_S], ids=["forward", "back"])
def test_the_clock_of_a_gateway_and_its_limits_jumps(server, clock, keys, book, by_s):
    address = SimpleNamespace(http_port=server.port)
    with Steady(
        address, "logistic", [ROW], rate_per_s=RATE_PER_S, with_client=False,
        headers={"x-api-key": keys["steady"]},
    ) as load:  # fmt: skip
        load.settle(1)
        assert ask(server, keys["slow"], 100).status_code == 200
        assert ask(server, keys["slow"], 50).status_code == 429
        assert ask(server, keys["trial"], 600).status_code == 200
        clock.move(by_s)
        load.settle()
        # An hour of the rate would be 36 rows, and more with the time to come back.
        slow = ask(server, keys["slow"], 30)
        trial = ask(server, keys["trial"], 400)
        ended = ask(server, keys["trial"], 1)
        clock.move(0.0)
        load.settle()
        again = ask(server, keys["slow"], 30)
    way = "forward" if by_s > 0 else "back"
    book.add(f"the clock jumps an hour {way}, one process", load, lost=0, back_s=None)
    assert load.failures == [], load.words()
    assert slow.status_code == again.status_code == 429
    assert trial.status_code == 200
    assert ended.status_code == 429
    assert server.process.is_running()


def test_the_clock_is_that_of_the_process(clock, tmp_path):
    """What moves the clock moves it, or the other test would see nothing."""
    clock.move(HOUR_S)
    script = "import datetime, time; print(time.time(), time.monotonic())"
    done = subprocess.run(["python3", "-c", script], capture_output=True, text=True, check=True)
    wall_s, steady_s = map(float, done.stdout.split())
    assert abs(wall_s - time.time() - HOUR_S) < 60
    assert abs(steady_s - time.monotonic()) < 60
