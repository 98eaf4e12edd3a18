"""The server that holds the registry is silent: what is loaded answers on, a start says why not."""

import subprocess
import sys
import time
import urllib.request
from types import SimpleNamespace

import pytest

from serve_app.engine.registration.register import Candidate, register
from serve_app.registry.store import Registry
from tests.cluster.harness import BIN, free_row, until
from tests.faults.breaking import stopped
from tests.faults.steady import Steady
from tests.security.server import ROW, running

NAMED_WITHIN_S = 30.0
AWAY_S = 10.0
RATE_PER_S = 200.0


@pytest.fixture
def elsewhere(models, tmp_path):
    """A process that serves the registry, and its address."""
    folder = tmp_path / "served"
    for name in ("logistic", "other"):
        register(Registry(str(folder / "registry")), Candidate(name, *models[name]))
    port = free_row(1)
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        url = f"http://127.0.0.1:{port}/registry"

        def answers():
            try:
                return urllib.request.urlopen(f"{url}/", timeout=5).status == 200
            except OSError:
                return False

        try:
            until(answers, timeout_s=20, what="the server of the registry")
            yield process, url
        finally:
            process.kill()


def start(url, home):
    """Try to start another one; how long it took, and what it printed."""
    began_s = time.monotonic()
    done = subprocess.run(
        [str(BIN / "serve-app"), "run", "other@1", "--registry", url, "--port", "0"],
        cwd=home, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    return time.monotonic() - began_s, done.stderr


@pytest.mark.parametrize("how", ["is silent", "has ended"])
def test_the_registry_is_away(elsewhere, tmp_path, book, how):
    process, url = elsewhere
    with running(tmp_path, url, models=("logistic@1",)) as server:
        address = SimpleNamespace(http_port=server.port)
        with Steady(
            address, "logistic", [ROW], rate_per_s=RATE_PER_S, with_client=False
        ) as load:  # fmt: skip
            load.settle(1)
            if how == "is silent":
                with stopped(process.pid):
                    took_s, words = start(url, tmp_path)
                    load.settle(AWAY_S)
            else:
                process.kill()
                process.wait()
                took_s, words = start(url, tmp_path)
                load.settle(AWAY_S)
    book.add(f"the server of the registry {how}, one process", load, lost=0, back_s=None)
    print(f"named after {took_s:.0f} s: {words}")
    assert load.failures == [], load.words()
    assert took_s < NAMED_WITHIN_S
    assert url in words
