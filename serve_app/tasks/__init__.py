"""What can be asked of a model? One file per task, named in `TASKS` and imported when used.

To add one: write its module here with a `Task` of its own (`tasks/task.py` says what it may
decide), and name that below. Dialects, stages, batches and replicas learn of it from this table.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from serve_app.core.places import standing_at
from serve_app.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from serve_app.tasks.task import Method, Task

TASKS = {
    "explain": "serve_app.tasks.explain:Explain",
    "origins": "serve_app.tasks.origins:AskOrigins",
    "predict": "serve_app.tasks.predict:Predict",
    "raw_scores": "serve_app.tasks.raw_scores:RawScores",
    "transform": "serve_app.tasks.transform:Transform",
}
"""Task to the place of its class, `module:Name`."""


def task_named(name: str) -> Task[Any]:
    """The task of that name.

    Raises:
        InvalidInput: there is no such task.
    """
    place = TASKS.get(name)
    if place is None:
        msg = f"there is no task {name[:80]!r}; there are {', '.join(TASKS)}"
        raise InvalidInput(msg, known=list(TASKS))
    return _task_at(place)


def all_tasks() -> tuple[Task[Any], ...]:
    """Every task that there is."""
    return tuple(map(_task_at, TASKS.values()))


def methods() -> Mapping[str, Method]:
    """The methods of all tasks, by each name that requests may call them."""
    return _methods(tuple(TASKS.values()))


def distinct_methods() -> tuple[Method, ...]:
    """The methods of all tasks, each once."""
    return _distinct_methods(tuple(TASKS.values()))


@cache
def _task_at(place: str) -> Task[Any]:
    task: Task[Any] = standing_at(place)()
    return task


@cache
def _methods(places: tuple[str, ...]) -> Mapping[str, Method]:
    every = _distinct_methods(places)
    return {name: method for method in every for name in (method.name, *method.aliases)}


@cache
def _distinct_methods(places: tuple[str, ...]) -> tuple[Method, ...]:
    return tuple(method for place in places for method in _task_at(place).methods)
