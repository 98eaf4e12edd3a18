"""`serve deploy` is run again where Ray was too busy, and not where it refused."""

import subprocess

import pytest

from serve_app.cli import deploy
from serve_app.cli.deploy import serve_deploy
from serve_app.cluster.dashboard import Dashboard
from serve_app.cluster.node import Running
from serve_app.errors import Conflict, ServerFault
from serve_app.serving.deploying.attempts import ATTEMPTS

DIED = """RuntimeError: Request failed with status code 500: Traceback (most recent call last):
  File "/x/ray/serve/_private/api.py", line 218, in serve_start_async
    await asyncio.wait_for(
ray.exceptions.ActorDiedError: The actor died unexpectedly before finishing this task.
\tclass_name: HAProxyManager
\tname: SERVE_PROXY_ACTOR-84c8fc
The actor is dead because it was killed by `ray.kill`.
."""
REFUSED = "ValueError: applications must have unique names"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("http_options: {port: 8010}\napplications: []\n")
    return path


@pytest.fixture
def running(tmp_path):
    return Running(tmp_path, 8010, 8265, 1, 2, "127.0.0.1", {"SERVE_APP_HOME": "/x"})


@pytest.fixture
def ray(monkeypatch):
    """Plays `serve deploy`: fails with each of `says` in turn, then works; counts calls."""

    class Ray:
        says = ()
        calls = ()
        slept = ()

        def run(self, command, **options):
            self.calls = (*self.calls, (command, options["env"]))
            failed = len(self.calls) <= len(self.says)
            said = self.says[len(self.calls) - 1] if failed else ""
            return subprocess.CompletedProcess(command, int(failed), "", said)

        def sleep(self, seconds):
            self.slept = (*self.slept, seconds)

    ray = Ray()
    monkeypatch.setattr(deploy.subprocess, "run", ray.run)
    monkeypatch.setattr(Dashboard, "serve_details", lambda _: {})
    return ray


def test_a_busy_machine_is_waited_for(ray, file, running, capsys):
    ray.says = (DIED, DIED)
    serve_deploy(file, running, sleep=ray.sleep)
    assert len(ray.calls) == 3
    assert ray.slept[0] < ray.slept[1]
    assert capsys.readouterr().err.count("trying again") == 2


def test_one_that_stays_busy_is_explained_in_words(ray, file, running):
    ray.says = (DIED,) * 10
    with pytest.raises(ServerFault) as caught:
        serve_deploy(file, running, sleep=ray.sleep)
    assert len(ray.calls) == ATTEMPTS
    said = caught.value.message
    assert "died unexpectedly" in said
    assert "serve-app cluster start" in said
    assert "Traceback" not in said
    assert "\n" not in said


def test_what_is_refused_is_not_tried_again(ray, file, running):
    ray.says = (REFUSED,) * 3
    with pytest.raises(ServerFault, match="unique names"):
        serve_deploy(file, running, sleep=ray.sleep)
    assert len(ray.calls) == 1


def test_another_port_than_the_clusters_is_refused_before_serve_ignores_it(ray, file, running):
    file.write_text("http_options: {port: 8000}\napplications: []\n")
    with pytest.raises(Conflict) as caught:
        serve_deploy(file, running, sleep=ray.sleep)
    assert "http_options.port: the file says 8000, the cluster runs on 8010" in caught.value.message
    assert "serve-app cluster start --http-port 8000" in caught.value.message
    assert not ray.calls


def test_it_is_run_with_the_clusters_environment_past_any_proxy(ray, file, running, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "corp.example")
    serve_deploy(file, running)
    ((command, environment),) = ray.calls
    assert command[1:] == ["deploy", str(file), "--address", "http://127.0.0.1:8265"]
    assert environment["no_proxy"].startswith("corp.example,127.0.0.1")
    assert environment["SERVE_APP_HOME"] == "/x"
