"""Models as people build them, from registering to an answer, each against its own library.

What is asked goes the way of a request: JSON values by name, the schema, the loaded version. What
is right comes from the library alone, called as the model's user would call it.
"""

import dataclasses
import functools
import json
import tempfile
import warnings
from dataclasses import dataclass, field

import numpy as np
import pytest
from sklearn.base import clone

from serve_app.core.messages import MISSING
from serve_app.core.policy import Policy
from serve_app.core.schema import Schema
from serve_app.engine.load import load
from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import ClientError, ModelFailed, RowsRefused, ServeError
from serve_app.registry.store import Registry
from tests.contract.zoo.data import TABLES
from tests.contract.zoo.models import ZOO

REGISTERED, COMPILED = 0.95, 0.8
REFUSALS = (ClientError, ModelFailed, RowsRefused)


@dataclass
class Outcome:
    """What became of one model: why it was refused or not compiled, and where it was wrong."""

    refused: str | None = None
    native: str | None = None
    wrong: list[str] = field(default_factory=list)


@functools.cache
def outcome(name):
    """Register a model of the zoo, and hold what is served against its library."""
    animal = next(one for one in ZOO if one.name == name)
    table = TABLES[animal.table]
    with warnings.catch_warnings(action="ignore"), tempfile.TemporaryDirectory() as folder:
        model = clone(animal.model).fit(handed(animal, table.frame), table.targets[animal.target])
        registry = Registry(folder)
        try:
            candidate = Candidate(
                "m", model, table.frame, truth=table.targets[animal.target], evaluate=False
            )
            manifest = register(registry, candidate, allow_pickle=True)
        except ServeError as error:
            return Outcome(refused=error.message)
        compiled = manifest.compiled
        found = Outcome(
            native=None if compiled and compiled.served else str(compiled and compiled.reason)
        )
        for native in (False, True):
            served = load(registry, "m", 1, native=native, allow_pickle=True)
            for rows in (table.frame, table.edges):
                _hold(found, animal, model, served, rows)
        return found


def handed(animal, frame):
    """A frame as the model's user hands it over."""
    if animal.as_series:
        return frame.iloc[:, 0]
    return frame.to_numpy() if animal.as_array else frame


def asked(served, frame):
    """What a loaded version answers to rows that come as JSON."""
    inputs = served.manifest.signature.inputs
    rows = json.loads(frame.to_json(orient="records", double_precision=15))
    # pandas writes at most 15 digits; what it read from is what clients send.
    for name in frame.columns:
        if frame[name].dtype.kind == "f":
            for row, value in zip(rows, frame[name].tolist(), strict=True):
                row[name] = None if np.isnan(value) else value
    given = {column.name: [row.get(column.name, MISSING) for row in rows] for column in inputs}
    # Whether a column may have gaps is the endpoint's rule; here it is the model that decides.
    open_to_gaps = [
        dataclasses.replace(
            c,
            nullable=True,
            minimum=None,
            maximum=None,
            categories=c.categories if c.frame_dtype == "category" else None,
        )
        for c in inputs
    ]
    columns, _ = Schema(open_to_gaps, Policy()).validate(given, len(rows))
    return served.model.predict(columns)


def _hold(found, animal, model, served, frame):
    # Row by row at the edges: one that is refused refuses those beside it.
    batches = [frame] if len(frame) > 10 else [frame.iloc[i : i + 1] for i in range(len(frame))]
    for batch in batches:
        try:
            wanted = model.predict(handed(animal, batch))
        except Exception:  # noqa: BLE001 - whatever it raises, it does not answer
            wanted = None
        try:
            got = asked(served, batch)
        except REFUSALS as error:
            got = None
            reason = str(error)
        where = f"{'compiled' if served.compiled else 'native'}, {batch.head(1).to_dict('records')}"
        if (wanted is None) != (got is None):
            said = "answers what the library refuses" if wanted is None else f"refuses: {reason}"
            found.wrong.append(f"{where}: {said}")
        elif wanted is not None:
            found.wrong.extend(
                f"{where}: {one}" for one in _differences(animal, model, batch, wanted, got)
            )


def _differences(animal, model, batch, wanted, got):
    wanted, values = np.asarray(wanted), np.asarray(got.values)
    if wanted.shape != values.shape:
        yield f"shape {values.shape} instead of {wanted.shape}"
    elif got.probabilities is None and wanted.dtype.kind == "f":
        if not np.allclose(
            values.astype(float),
            wanted,
            rtol=1e-5,
            atol=1e-9 * np.abs(wanted).max(),
            equal_nan=True,
        ):
            yield f"{values[:3]} instead of {wanted[:3]}"
    elif values.tolist() != wanted.tolist():
        yield f"{values[:3]} instead of {wanted[:3]}"
    if got.probabilities is None:
        return
    shares = model.predict_proba(handed(animal, batch))
    if isinstance(shares, list):
        # One array per label: of yes or no, how likely yes is.
        shares = np.column_stack([one[:, 1] for one in shares])
    if shares.shape != got.probabilities.shape:
        yield f"probabilities of shape {got.probabilities.shape} instead of {shares.shape}"
    elif not np.allclose(got.probabilities, shares, rtol=0, atol=1e-6):
        yield f"probabilities {got.probabilities[:2]} instead of {shares[:2]}"


@pytest.mark.parametrize("name", [animal.name for animal in ZOO])
def test_no_number_is_wrong_in_silence(name):
    found = outcome(name)
    assert found.wrong == []


@pytest.mark.timeout(1200)
def test_most_models_are_registered_and_most_of_these_are_compiled(capsys):
    found = {animal.name: outcome(animal.name) for animal in ZOO}
    refused = {name: one.refused for name, one in found.items() if one.refused}
    native = {name: one.native for name, one in found.items() if one.native and not one.refused}
    registered = 1 - len(refused) / len(found)
    compiled = 1 - (len(native) + len(refused)) / len(found)
    with capsys.disabled():
        print(f"\n{len(found)} models: {registered:.0%} registered, {compiled:.0%} compiled")
        print(f"refused: {refused}\nby their library: {native}")
    assert len(found) >= 150
    assert registered >= REGISTERED
    assert compiled >= COMPILED
