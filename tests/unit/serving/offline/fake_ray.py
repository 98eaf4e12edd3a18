"""As much of Ray as drivers of jobs and searches use, in this process, with deaths on demand."""

import itertools
from dataclasses import dataclass, field

from ray.exceptions import ActorDiedError, RayTaskError, WorkerCrashedError


@dataclass(eq=False)
class Reference:
    """What stands for a value that may not be there yet."""

    value: object = None
    error: Exception | None = None
    is_ready: bool = True


@dataclass
class FakeRay:
    """A cluster that computes when it is asked; `fates` says what the n-th call comes to."""

    fates: dict = field(default_factory=dict)
    options: list = field(default_factory=list)
    killed: list = field(default_factory=list)
    cancelled: list = field(default_factory=list)
    puts: list = field(default_factory=list)
    calls: itertools.count = field(default_factory=itertools.count)
    has_room: bool = True

    def put(self, value):
        self.puts.append(value)
        return Reference(value)

    def remote(self, **options):
        self.options.append(options)

        def decorated(made):
            return _Actors(self, made) if isinstance(made, type) else _Task(self, made)

        return decorated

    def called(self, function, arguments, death):
        """What a call gives: arguments that are references stand for their values."""
        fate = self.fates.get(next(self.calls))
        if fate == "hangs":
            return Reference(is_ready=False)
        if fate == "dies":
            return Reference(error=death)
        values = [one.value if isinstance(one, Reference) else one for one in arguments]
        try:
            if fate == "raises":
                raise OSError("no space left in the object store")
            return Reference(function(*values))
        except Exception as error:  # noqa: BLE001 - whatever it raised comes back as an error
            return Reference(error=RayTaskError("answer", f"OSError: {error}", error))

    def wait(self, references, *, num_returns=1, timeout):
        assert references
        assert timeout >= 0
        ready = [one for one in references if one.is_ready][:num_returns]
        return ready, [one for one in references if one not in ready]

    def get(self, reference):
        if reference.error is not None:
            raise reference.error
        return reference.value

    def kill(self, actor, *, no_restart):
        assert no_restart
        self.killed.append(actor)

    def cancel(self, reference, *, force):
        assert force
        self.cancelled.append(reference)


class _Actors:
    def __init__(self, cluster, made):
        self._cluster, self._made = cluster, made

    def remote(self, *arguments):
        values = [one.value if isinstance(one, Reference) else one for one in arguments]
        return _Actor(self._cluster, self._made(*values))


class _Actor:
    def __init__(self, cluster, instance):
        self.answer = _Method(cluster, instance.answer)
        # Ray answers it as soon as there is a process.
        self.__ray_ready__ = _Ready(cluster)


class _Ready:
    def __init__(self, cluster):
        self._cluster = cluster

    def remote(self):
        return Reference(is_ready=self._cluster.has_room)


class _Method:
    def __init__(self, cluster, method):
        self._cluster, self._method = cluster, method

    def remote(self, *arguments):
        return self._cluster.called(self._method, arguments, ActorDiedError())


class _Task:
    def __init__(self, cluster, function):
        self._cluster, self._function = cluster, function

    def remote(self, *arguments):
        return self._cluster.called(self._function, arguments, WorkerCrashedError())
