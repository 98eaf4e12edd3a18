"""Ray's dashboard, through which configs are handed to Serve and looked at."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serve_app.cluster import web
from serve_app.errors import NotReady, ServeError, ServerFault

APPLICATIONS = "/api/serve/applications/"
START_TIMEOUT_S = 60.0
POLL_S = 0.3
_ASK_TIMEOUT_S = 15.0
_LAST_LINES = 5
_LOGS = Path("ray/session_latest/logs")
_FILES = ("dashboard.log", "dashboard.err")


@dataclass(frozen=True, slots=True)
class Dashboard:
    """The dashboard of a cluster: where it answers, and the folder of the cluster's own files.

    `token` is the file with what it must be shown, where the cluster has one.
    """

    url: str
    folder: Path
    token: Path | None = None

    @property
    def log(self) -> Path:
        """Where it writes what happens to it."""
        return self.folder / _LOGS / _FILES[0]

    def serve_details(self, *, timeout_s: float = web.TIMEOUT_S) -> Any:
        """What Serve tells of its applications and of the config that it was given last.

        Raises:
            NotReady: the dashboard does not answer; says where its log is and what to do.
            ServeError: it answers that it cannot.
        """
        try:
            return self.get(APPLICATIONS, timeout_s=timeout_s, keys=("applications",))
        except NotReady:
            msg = (
                f"the Ray dashboard of this cluster does not answer at {self.url}: it died, or is "
                "too busy. What is deployed goes on answering, but nothing can be deployed or "
                f"shown. Why it died stands in {self.log}. To start it again, restart the "
                "cluster: serve-app cluster stop, serve-app cluster start, and deploy"
            )
            raise NotReady(msg) from None

    def put_config(self, config: Mapping[str, Any]) -> None:
        """Hand Serve a config, as `serve deploy` does; raises as `web.put`."""
        web.put(f"{self.url}{APPLICATIONS}", config, headers=self._headers(), to_gateway=False)

    def get(self, path: str, *, timeout_s: float = web.TIMEOUT_S, keys: Sequence[str] = ()) -> Any:
        """GET JSON of a page of Ray's; raises as `web.get`, ServerFault where the token is gone."""
        return web.get(
            f"{self.url}{path}",
            timeout_s=timeout_s,
            keys=keys,
            headers=self._headers(),
            to_gateway=False,
        )

    def _headers(self) -> dict[str, str]:
        if self.token is None:
            return {}
        try:
            token = self.token.read_text().strip()
        except OSError as error:
            msg = f"the token of this cluster, {self.token}, cannot be read: {error}"
            raise ServerFault(msg) from None
        return {"authorization": f"Bearer {token}"}

    def answers(self) -> bool:
        """Whether `status` and `deploy` get what they need."""
        with contextlib.suppress(ServeError):
            self.serve_details(timeout_s=_ASK_TIMEOUT_S)
            return True
        return False

    def require_started(
        self,
        lives: Callable[[], bool],
        *,
        timeout_s: float = START_TIMEOUT_S,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Return once it answers; `lives` says whether its process is still there.

        Raises:
            ServerFault: it ended, or does not answer within `timeout_s`; says what its log says.
        """
        deadline_s = clock() + timeout_s
        while True:
            ended = not lives()
            try:
                self.serve_details(timeout_s=_ASK_TIMEOUT_S)
            except ServeError as error:
                reason = error.message
            else:
                return
            if ended or clock() > deadline_s:
                break
            sleep(POLL_S)
        what = "ended as soon as it was started" if ended else f"does not answer: {reason}"
        msg = (
            "the cluster was stopped again, since its Ray dashboard, which deploy and status "
            f"need, {what}. The last lines of its log:\n{self.last_lines()}"
        )
        raise ServerFault(msg)

    def last_lines(self) -> str:
        """The end of its logs, indented; says so where there is none."""
        lines: list[str] = []
        for name in _FILES:
            with contextlib.suppress(OSError):
                text = (self.folder / _LOGS / name).read_text(errors="replace")
                lines += [line for line in text.splitlines() if line.strip()][-_LAST_LINES:]
        return "\n".join(f"  {line}" for line in lines) or "  (it has written none)"
