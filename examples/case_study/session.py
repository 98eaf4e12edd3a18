"""A case study at work: `serve-app` in a folder of its own, as a reader would type it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

import httpx

from serve_app.client import Client

CHECKOUT = Path(__file__).parents[2]
"""The folder from which `examples` is imported, by what a case study starts too."""
MARK = ".case-study"
"""A file that says that the folder around it was made by a case study, and may be emptied."""
PORT = 8010
"""That of a case study's endpoint unless another is named, also in configs of case studies."""
_COMMAND_TIMEOUT_S = 1800.0
_READY_TIMEOUT_S = 300.0
_POLL_S = 0.05
_STOP_TIMEOUT_S = 20.0

Say = Callable[[str], None]


class CaseStudyError(Exception):
    """What went wrong, in words for who started the case study."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Who answers for versions at an address of this machine, and what ends it."""

    url: str
    client: Client
    end: Callable[[], object]

    def is_ready(self) -> bool:
        """Whether its versions answer."""
        try:
            return httpx.get(f"{self.url}/health", timeout=5.0).status_code == HTTPStatus.OK
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        """Ask it to end, and wait until it has; nothing where it has ended already."""
        self.client.close()
        self.end()


@dataclass(frozen=True, slots=True)
class Session:
    """The folder of one run of a case study, what it started, and who is shown what it does.

    Leaving it ends all that was started; what has to be undone besides belongs on `stack`.
    `endpoints` are those that were started, the newest last.
    """

    folder: Path
    port: int
    say: Say
    stack: ExitStack = field(default_factory=ExitStack)
    endpoints: list[Endpoint] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def serve_app(self, *arguments: str, codes: Collection[int] = (0,)) -> str:
        """What a command prints, which is run in the folder and shown as it would be typed.

        `codes` are the exit codes with which it may end.

        Raises:
            CaseStudyError: it ended with another exit code; says what it printed.
        """
        self.say(f"$ serve-app {shlex.join(arguments)}")
        done = subprocess.run(
            [*_program(), *arguments],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=_COMMAND_TIMEOUT_S,
            check=False,
        )
        if done.returncode not in codes:
            words = f"ended with {done.returncode}:\n{done.stdout}{done.stderr}"
            raise CaseStudyError(f"serve-app {shlex.join(arguments)}\n{words}")
        return done.stdout

    def json(self, *arguments: str, codes: Collection[int] = (0,)) -> Any:
        """What a command says as JSON, as `serve_app` runs it."""
        return json.loads(self.serve_app(*arguments, "--json", codes=codes))

    def unseen(self) -> Self:
        """The same, whose commands are not shown: for those that are repeated until they hold."""
        return replace(self, say=lambda _: None)

    def serve(self, *references: str) -> Endpoint:
        """One process that answers for versions of the folder's registry, once it is ready.

        It goes on until the session is left, or until it is stopped.

        Raises:
            CaseStudyError: it ended, or was not ready in time; says what it printed.
        """
        arguments = ["run", *references, "--port", str(self.port), "--log-format", "text"]
        self.say(f"$ serve-app {shlex.join(arguments)} &")
        log = self.folder / "endpoint.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*_program(), *arguments],
                cwd=self.folder,
                env=self._environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        endpoint = self._answering(partial(_end, process))
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while not endpoint.is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                words = log.read_text(errors="replace")
                raise CaseStudyError(f"serve-app {shlex.join(arguments)} does not answer:\n{words}")
            time.sleep(_POLL_S)
        return endpoint

    def start_cluster(self, config: Path) -> Endpoint:
        """A cluster of this folder that answers as a config says, once that is in effect.

        It needs the ports after the session's, thirteen of them. It goes on until the session is
        left, or until it is stopped.

        Raises:
            CaseStudyError: it did not start, or the config is not in effect; says what was printed.
        """
        there = self.folder / config.name
        there.write_text(config.read_text().replace(f"port: {PORT}", f"port: {self.port}"))
        places = {"http-port": 0, "internal-ports": 1, "dashboard-port": 12, "prometheus-port": 13}
        options = [f"--{name}={self.port + place}" for name, place in places.items()]
        # What a start that fails leaves is stopped too.
        endpoint = self._answering(partial(self.serve_app, "cluster", "stop"))
        self.serve_app("cluster", "start", *options, "--deploy", config.name)
        return endpoint

    def _answering(self, end: Callable[[], object]) -> Endpoint:
        """Who answers at the session's port, which is ended with the session at the latest."""
        url = f"http://127.0.0.1:{self.port}"
        endpoint = Endpoint(url, Client(url), end)
        self.endpoints.append(endpoint)
        self.stack.callback(endpoint.stop)
        return endpoint

    def _environment(self) -> dict[str, str]:
        """The environment of what is started: it imports this very checkout's case studies."""
        path = [str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])]
        unwanted = ("SERVE_APP_REGISTRY", "SERVE_APP_RUNS", "SERVE_APP_MODEL", "PORT")
        kept = {name: value for name, value in os.environ.items() if name not in unwanted}
        return {**kept, "PYTHONPATH": os.pathsep.join(path), "NO_COLOR": "1"}


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def emptied(folder: Path) -> Path:
    """An empty folder for a run; one that an earlier run left is emptied.

    Raises:
        CaseStudyError: something else lies in it.
    """
    if folder.exists() and not (folder / MARK).exists() and any(folder.iterdir()):
        raise CaseStudyError(f"{folder} is not empty and was not made by a case study")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARK).touch()
    return folder.resolve()


def _program() -> list[str]:
    """`serve-app` of the environment in which this runs."""
    return [sys.executable, "-c", "from serve_app.cli.main import main; main()"]
