"""Workers of batch jobs as actors of Ray: each one process that loads its versions once."""

import time
from collections.abc import Hashable, Sequence
from typing import Any, cast

import ray
from ray.exceptions import RayError, RayTaskError

from serve_app.engine.batch.pool import Lost
from serve_app.engine.batch.worker import ShardOutcome, ShardRequest, ShardWorker, WorkerSpec
from serve_app.engine.room import Share
from serve_app.serving.messages import cause
from serve_app.serving.offline.connection import ONE_THREAD


class ShardActors:
    """Actors that answer shards of one job, each with its share of a node.

    Ray starts no actor again and repeats no call: who counts attempts sees every death.
    """

    def __init__(self, spec: WorkerSpec, share: Share) -> None:
        self._spec = ray.put(spec)
        options: dict[str, Any] = {
            "num_cpus": share.num_cpus,
            "max_restarts": 0,
            "max_task_retries": 0,
            "runtime_env": {"env_vars": ONE_THREAD},
        }
        if share.memory_bytes is not None:
            options["memory"] = share.memory_bytes
        self._made = ray.remote(**options)(ShardWorker)
        self._running: dict[Any, Hashable] = {}
        self._begun: dict[Hashable, Any] = {}

    def start(self) -> Hashable:
        """Start an actor, which waits in Ray's queue where there is no room."""
        actor = cast("Any", self._made.remote(self._spec))
        self._begun[actor] = actor.__ray_ready__.remote()
        return cast("Hashable", actor)

    def has_begun(self, worker: Hashable) -> bool:
        """Whether an actor's process is there; one that died has begun as well."""
        ready, _ = ray.wait([self._begun[worker]], timeout=0)
        return bool(ready)

    def ask(self, worker: Hashable, request: ShardRequest) -> None:
        """Hand an actor a shard."""
        actor = cast("Any", worker)
        self._running[actor.answer.remote(request)] = worker

    def outcomes(self, timeout_s: float) -> Sequence[tuple[Hashable, ShardOutcome | Lost]]:
        """What became of shards, of at least one unless `timeout_s` passes before."""
        if not self._running:
            time.sleep(timeout_s)
            return []
        ready, _ = ray.wait(list(self._running), num_returns=1, timeout=timeout_s)
        return [(self._running.pop(reference), _outcome(reference)) for reference in ready]

    def end(self, worker: Hashable) -> None:
        """Kill an actor, whatever it does."""
        self._running = {task: one for task, one in self._running.items() if one != worker}
        self._begun.pop(worker, None)
        ray.kill(cast("Any", worker), no_restart=True)


def _outcome(reference: Any) -> ShardOutcome | Lost:
    try:
        return cast("ShardOutcome", ray.get(reference))
    except RayTaskError as error:
        # Raised by what stands around `answer`, which raises nothing itself.
        return ShardOutcome(failed=cause(str(error)))
    except RayError as error:
        return Lost(f"its process ended: {cause(str(error))}")
