"""Which steps of a run would be used as they are if it went on now, and why the others not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from serve_app.lifecycle.digests import differences, digest_of_file
from serve_app.lifecycle.inputs import StepInputs, is_intact
from serve_app.lifecycle.ledger import Step

STEPS = (*("snapshot", "profile", "split", "search", "evaluate", "importance", "register", "card"),)
Verdict = Literal["reused", "anew", "depends", "not done"]
Steps = Mapping[str, Step]


@dataclass(frozen=True, slots=True)
class Reuse:
    """A step with its verdict, and in words why it is not used as it is.

    `depends`: its own inputs are equal as far as is known, but a step before it is done anew.
    """

    step: str
    verdict: Verdict
    reasons: tuple[str, ...] = ()


def explained(
    done: Steps, inputs: StepInputs, folder: Path, sections: list[tuple[str, str]]
) -> list[Reuse]:
    """Every step in order; `done` are those of the ledger, `folder` is the run's."""
    listed: list[Reuse] = []
    anew: str | None = None
    for name in STEPS:
        step = done.get(name)
        if step is None:
            listed.append(Reuse(name, "not done"))
            continue
        changed = differences(dict(step.inputs), _inputs(done, inputs, sections)[name]())
        if not changed and not is_intact(folder, step):
            changed = [f"its file in {folder} is not what it was"]
        if changed:
            listed.append(Reuse(name, "anew", tuple(changed)))
        elif anew is not None:
            listed.append(Reuse(name, "depends", (f"unless {anew} comes out as it did",)))
        else:
            listed.append(Reuse(name, "reused"))
        anew = anew or (name if changed else None)
    return listed


def changed_files(done: Steps) -> Iterator[str]:
    """What of the files that the run read is otherwise now, in words; a new run would read that."""
    snapshot = done.get("snapshot")
    files: Mapping[str, Any] = {} if snapshot is None else snapshot.output["files"]
    for name, facts in files.items():
        path = Path(name)
        if not path.is_file():
            yield f"{name} is not there any more"
        elif digest_of_file(path) != facts["sha256"]:
            yield f"{name} has other content than the run read"


def _inputs(
    done: Steps, inputs: StepInputs, sections: list[tuple[str, str]]
) -> dict[str, Callable[[], dict[str, Any]]]:
    """The inputs of each step by its name, from what steps before it gave."""

    def output(name: str) -> Mapping[str, Any]:
        return done[name].output

    return {
        "snapshot": inputs.snapshot,
        "profile": lambda: inputs.profile(output("snapshot")),
        "split": lambda: inputs.split(output("snapshot")),
        "search": lambda: inputs.search(output("split")),
        # Which trials are the best follows from the search.
        "evaluate": lambda: inputs.evaluate(output("search"), done["evaluate"].inputs["best"]),
        "importance": lambda: inputs.importance(output("evaluate")),
        "register": lambda: inputs.register(output("evaluate")),
        "card": lambda: inputs.card(output("register")["versions"], sections),
    }
