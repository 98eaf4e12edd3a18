"""What a version needs where it answers: time of one row, and memory of a process that has it."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection

import numpy as np
import psutil

from serve_app.core.columns import Columns
from serve_app.engine.load import Loaded, load
from serve_app.errors import ArtifactRejected, ModelFailed, NotReady
from serve_app.models.replay import sample_columns
from serve_app.registry.store import Registry

_ROUNDS = 5
_ROWS = 200
_WARM = 20
_PATIENCE_S = 120.0


def latencies_s(
    versions: Sequence[Loaded], clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """The 99th percentile of answers to one row, in seconds, of each version.

    Versions take turns row by row, so that what else the machine does is the same for all of
    them; of five rounds the quietest counts.

    Raises:
        ServeError: a version has no sample to be tried with.
    """
    samples = [(one, _first_row(one)) for one in versions]
    for one, row in samples * _WARM:
        one.model.predict(row)
    percentiles = np.empty((_ROUNDS, len(versions)))
    for number in range(_ROUNDS):
        taken_s = np.empty((_ROWS, len(versions)))
        for k in range(_ROWS):
            for place, (one, row) in enumerate(samples):
                began = clock()
                one.model.predict(row)
                taken_s[k, place] = clock() - began
        percentiles[number] = np.quantile(taken_s, 0.99, axis=0)
    return [float(value) for value in percentiles.min(axis=0)]


def memory_bytes(url: str, model: str, version: int) -> int:
    """The resident memory of a process of its own that has loaded a version and answered.

    Raises:
        ServeError: it cannot load it.
        NotReady: it has not within two minutes.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(sender, url, model, version), daemon=True)
    process.start()
    sender.close()
    try:
        if not receiver.poll(_PATIENCE_S):
            raise NotReady(f"{model}@{version} was not loaded within {_PATIENCE_S:.0f} s")
        answer = receiver.recv()
    except EOFError as error:
        raise ModelFailed(f"a process died that was loading {model}@{version}") from error
    finally:
        process.kill()
        process.join()
        receiver.close()
    if isinstance(answer, str):
        raise ArtifactRejected(f"{model}@{version} does not load: {answer}")
    return int(answer)


def _measure(sender: Connection, url: str, model: str, version: int) -> None:
    try:
        loaded = load(Registry(url), model, version)
        loaded.model.predict(_first_row(loaded))
        sender.send(int(psutil.Process().memory_info().rss))
    except Exception as error:  # noqa: BLE001 - said to the parent, whatever it is
        sender.send(str(error) or type(error).__name__)


def _first_row(loaded: Loaded) -> Columns:
    sample = loaded.manifest.sample
    if sample is None:
        msg = f"{loaded.manifest.reference} has no sample of rows to be tried with"
        raise ArtifactRejected(msg)
    return sample_columns(sample.inputs, loaded.manifest.signature).slice(0, 1)
