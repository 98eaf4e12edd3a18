"""What a search costs beside the fits that it is made of, and whether it comes out the same.

`python -m benchmarks.train` searches with the pipeline of `--pipeline` on its data: twice with
`--parallel` trials at once, once with one at a time, and once with one at a time in a process that
is killed half-way (SIGKILL) and resumed. Exit code 1 where a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from serve_app.config.pipeline import PipelineSettings
from serve_app.lifecycle.executor import Executor
from serve_app.lifecycle.fold_data import FoldPlace
from serve_app.lifecycle.ledger import Ledger, Run
from serve_app.lifecycle.local_processes import LocalProcesses
from serve_app.lifecycle.progress import Progress
from serve_app.lifecycle.sequence import Means
from serve_app.lifecycle.spec import body_of, read_pipeline
from serve_app.lifecycle.training import Training
from serve_app.lifecycle.trial import Trial
from serve_app.registry.store import Registry

PIPELINE = Path("pipelines/diagnosis.yaml")
GOALS = {"search_s": 90.0, "over_the_fit_ms": 50.0}
KILL_DEADLINE_S = 600.0
CHILD = "import sys; from benchmarks.train import resumable; resumable(*sys.argv[1:])"


@dataclass(slots=True)
class Watch:
    """When a search began, when each of its trials was judged, and when it was over."""

    began_s: float = 0.0
    ended_s: float = 0.0
    judged_s: list[float] = field(default_factory=list)

    def report(self, progress: Progress) -> None:
        """Take the time of what happens in the search."""
        now = time.perf_counter()
        if progress.step == "search" and progress.kind == "started":
            self.began_s = now
        elif progress.kind == "trial":
            self.judged_s.append(now)
        elif progress.step == "search" and progress.kind == "done":
            self.ended_s = now

    def over_the_fit_ms(self, trials: Sequence[Trial]) -> list[float]:
        """Of trials that were computed one after the other: how long each took, less its fits.

        From one trial to the next in milliseconds: proposed, handed to a process, predicted,
        judged and kept. The first is left out, for which the process starts.
        """
        pairs = zip(self.judged_s, self.judged_s[1:], trials[1:], strict=False)
        return [1000 * (after - before - trial.fit_s) for before, after, trial in pairs]


def with_bounds(settings: PipelineSettings, trials: int, parallel: int) -> PipelineSettings:
    """The pipeline with so many trials in five folds, which nothing ends before."""
    bounds = {"trials": trials, "parallel": parallel, "early_stop": None, "timeout_s": 1e9}
    search = settings.search.model_copy(update=bounds)
    validation = settings.validation.model_copy(update={"folds": 5})
    return settings.model_copy(update={"search": search, "validation": validation})


def training(home: Path, workers: int, watch: Watch) -> Training:
    """What runs are made with; nothing is registered."""

    def executors(place: FoldPlace) -> Executor:
        return LocalProcesses(place, workers)

    registry = Registry(str(home / "registry"))
    means = Means(registry, executors, time.time, workers, registers=False)
    return Training(home / "runs", means, watch.report)


def searched(home: Path, settings: PipelineSettings, workers: int) -> tuple[Run, Watch]:
    """A run of the pipeline from its begin to its end."""
    watch = Watch()
    made = training(home, workers, watch)
    return made.work_on(made.create(settings)), watch


def resumable(home: str, body: str) -> None:
    """Begin a run that somebody is going to kill."""
    made = training(Path(home), 1, Watch())
    made.work_on(made.create(PipelineSettings.model_validate_json(body)))


def killed_and_resumed(home: Path, settings: PipelineSettings) -> tuple[Run, int]:
    """A run whose process is killed half-way, and how many trials were judged by then."""
    body = json.dumps(body_of(settings))
    process = subprocess.Popen([sys.executable, "-c", CHILD, str(home), body])
    name, ledger = f"{settings.pipeline}-1", Ledger(home / "runs")
    deadline = time.monotonic() + KILL_DEADLINE_S
    try:
        while _judged(ledger, name) < settings.search.trials // 2:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the process that was to be killed ended, or judged too little")
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    before = _judged(ledger, name)
    return training(home, 1, Watch()).work_on(ledger.run(name)), before


def _judged(ledger: Ledger, name: str) -> int:
    return len(ledger.trials(name)) if any(run.id == name for run in ledger.runs()) else 0


def outcome(home: Path, run: Run) -> tuple[Any, ...]:
    """What has to be equal: of each trial what it tried and gave, and the predictions' digest."""
    trials = Ledger(home / "runs").trials(run.id)
    tried = [(one.candidate, dict(one.parameters), one.by_fold) for one in trials]
    return tried, (run.result or {})["predictions"]


def measured(home: Path, settings: PipelineSettings, trials: int, parallel: int) -> dict[str, Any]:
    """All figures."""
    wide, single = (with_bounds(settings, trials, count) for count in (parallel, 1))
    places = {name: home / name for name in ("wide", "again", "single", "killed")}
    for place in places.values():
        place.mkdir()
    first, watch = searched(places["wide"], wide, parallel)
    again, _ = searched(places["again"], wide, parallel)
    whole, one_by_one = searched(places["single"], single, 1)
    resumed, before = killed_and_resumed(places["killed"], single)
    listed = Ledger(places["single"] / "runs").trials(whole.id)
    over = one_by_one.over_the_fit_ms(listed)
    return {
        "search_s": watch.ended_s - watch.began_s,
        "search_one_at_a_time_s": one_by_one.ended_s - one_by_one.began_s,
        "until_the_first_trial_s": one_by_one.judged_s[0] - one_by_one.began_s - listed[0].seconds,
        "fit_s": sum(trial.fit_s for trial in listed),
        "over_the_fit_ms": statistics.fmean(over),
        "over_the_fit_median_ms": statistics.median(over),
        "over_the_fit_most_ms": max(over),
        "same_spec_twice_equal": outcome(places["wide"], first) == outcome(places["again"], again),
        "resumed_equal": outcome(places["single"], whole) == outcome(places["killed"], resumed),
        "trials_before_the_kill": before,
    }


def missed(figures: dict[str, Any]) -> list[str]:
    """The goals that were not reached."""
    lines = [
        f"{name}: {figures[name]:.1f}, the goal is {goal:g}"
        for name, goal in GOALS.items()
        if figures[name] > goal
    ]
    equal = ("same_spec_twice_equal", "resumed_equal")
    return lines + [f"{name}: it came out otherwise" for name in equal if not figures[name]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and hold it against the goals."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train", description=__doc__)
    parser.add_argument("--pipeline", type=Path, default=PIPELINE)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--json", type=Path, help="Write the figures here, too.")
    options = parser.parse_args(arguments)
    # Whoever ends this ends what it started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    home = Path(tempfile.mkdtemp(prefix="serve-app-train-"))
    try:
        settings = read_pipeline(options.pipeline)
        figures = measured(home, settings, options.trials, options.parallel)
    finally:
        shutil.rmtree(home)
    table = Table(title=f"{options.trials} trials in 5 folds of {options.pipeline}")
    table.add_column("what")
    table.add_column("figure", justify="right")
    table.add_column("goal", justify="right")
    for name, value in figures.items():
        shown = f"{value:.1f}" if isinstance(value, float) else str(value)
        table.add_row(name, shown, f"{GOALS[name]:g}" if name in GOALS else "")
    Console().print(table)
    if options.json is not None:
        machine = {"cores": os.cpu_count(), "machine": platform.machine()}
        search = {"pipeline": str(options.pipeline), "trials": options.trials, "folds": 5}
        body = {**machine, **search, "parallel": options.parallel, "goals": GOALS, **figures}
        options.json.write_text(json.dumps(body, indent=2) + "\n")
    lines = missed(figures)
    for line in lines:
        print(line, file=sys.stderr)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
