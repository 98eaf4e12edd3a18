"""Ray's dashboard in one process; its name is that of Ray's own file, by which it is known.

Ray runs each of a dozen modules of its dashboard in a process of its own. Here they are in this
one: the one for Serve and those that write files at once, all others when a page asks for them.
"""

import asyncio
import multiprocessing
import runpy
import sys
from pathlib import Path
from typing import Any

from ray.dashboard import dashboard
from ray.dashboard.subprocesses import handle
from ray.dashboard.subprocesses.utils import get_http_session_to_module

AT_ONCE = ("ServeHead", "ReportHead", "MetricsHead")


class Within(handle.SubprocessModuleHandle):
    """A module of the dashboard in its process, once it is needed."""

    @classmethod
    def preload_in_forkserver(cls, module_classes: list[type]) -> None:
        """Nothing is started that could use it."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._ready: asyncio.Task[None] | None = None

    def start_module(self) -> None:
        """Begin at once with what is asked first, or what writes files."""
        self.process = multiprocessing.current_process()  # type: ignore[assignment]
        Path(self.config.socket_dir).mkdir(parents=True, exist_ok=True)
        if self.module_cls.__name__ in AT_ONCE:
            self._ready = self._begin()

    def wait_for_module_ready(self) -> None:
        """Who asks waits."""

    async def destroy_module(self) -> None:
        """It ends with its process."""

    async def proxy_request(self, *request: Any, **named: Any) -> Any:
        """Ask it, once it is there."""
        await asyncio.shield(self._begin())
        return await super().proxy_request(*request, **named)

    def _begin(self) -> asyncio.Task[None]:
        failed = self._ready is not None and self._ready.done() and self._ready.exception()
        if self._ready is None or failed:
            self._ready = self.loop.create_task(self._run())
        return self._ready

    async def _run(self) -> None:
        self._module = self.module_cls(self.config)
        await self._module.run()  # type: ignore[no-untyped-call]
        self.http_client_session = get_http_session_to_module(
            self.module_cls.__name__, self.config.socket_dir, self.config.session_name
        )


def main() -> None:
    """Go on as Ray's own dashboard."""
    setattr(handle, "SubprocessModuleHandle", Within)  # noqa: B010 - mypy refuses the plain form
    runpy.run_path(dashboard.__file__, run_name="__main__")


if __name__ == "__main__":
    # The folder of this file, which would hide others of its name.
    del sys.path[0]
    main()
