"""Work that takes long, in a process of its own, which a watch begins and comes back for."""

from collections.abc import Callable
from typing import Any, Protocol

import ray


class Pending(Protocol):
    """Work that was begun."""

    def is_done(self) -> bool:
        """Whether it has ended, well or not."""

    def result(self) -> Any:
        """What it returned; raises what it raised. Waits until it is done."""

    def cancel(self) -> None:
        """Let it end now, whatever it does."""


class Runner(Protocol):
    """Begins work somewhere."""

    def start(self, work: Callable[..., Any], *args: Any, **named: Any) -> Pending:
        """Begin to call a function of a module with some arguments."""


class RayRunner:
    """Begins work as a Ray task that reserves nothing and computes in one thread."""

    def start(self, work: Callable[..., Any], *args: Any, **named: Any) -> Pending:
        """Begin to call a function of a module with some arguments."""
        task = ray.remote(
            num_cpus=0, max_retries=0, runtime_env={"env_vars": {"OMP_NUM_THREADS": "1"}}
        )(work)
        return _RayPending(task.remote(*args, **named))


class _RayPending:
    def __init__(self, reference: Any) -> None:
        self._reference = reference

    def is_done(self) -> bool:
        done, _ = ray.wait([self._reference], timeout=0)
        return bool(done)

    def result(self) -> Any:
        return ray.get(self._reference)

    def cancel(self) -> None:
        ray.cancel(self._reference, force=True)
