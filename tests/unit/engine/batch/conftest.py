"""A job of a file, in a ledger and a folder of their own."""

import csv
import dataclasses
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import fsspec
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier

from serve_app.batch.job import JobOptions
from serve_app.batch.ledger import Ledger
from serve_app.engine.batch.folder import OutputFolder
from serve_app.engine.batch.in_this_process import InThisProcess
from serve_app.engine.batch.job_run import JobRun
from serve_app.engine.batch.scoring import Scorer
from serve_app.engine.batch.submission import job_of, planned, submit
from serve_app.engine.load import load
from serve_app.engine.registration.register import Candidate, register


@dataclass
class Desk:
    """Where jobs of one version are submitted and run."""

    home: Path
    registry: object
    model: str = "logistic"

    @property
    def ledger(self):
        return Ledger(self.home / "jobs.sqlite", clock=time.time)

    def scorer(self):
        return Scorer(load(self.registry, self.model, 1))

    def submitted(self, *files, out="out", **options):
        """The name of a job."""
        chosen = JobOptions(**{"shard_rows": 10, "format": "csv", **options})
        cut = planned([str(file) for file in files], chosen.shard_rows, str(self.home / out))
        version = self.registry.manifest(self.model, 1)
        job = job_of(cut, version, str(self.home / out), chosen)
        return submit(self.ledger, job, cut)[0]

    def folder(self, name):
        job = self.ledger.job(name)
        return OutputFolder(Path(job.out), name, job.options.format)

    def run(self, name, scorer=None, **options):
        """How a job ended."""
        folder = self.folder(name)
        here = InThisProcess(name, self.ledger.job(name), folder, scorer or self.scorer)
        return self.run_by(here, name, **options)

    def run_by(self, executor, name, **options):
        """How a job ended whose shards somebody else answered."""
        options = {"clock": time.monotonic, **options}
        one = JobRun(self.ledger, name, self.folder(name), **options)
        return one.run(executor)

    def done(self, *files, **options):
        """How a job of files ended, and where its output stands."""
        name = self.submitted(*files, **options)
        return self.run(name), Path(self.ledger.job(name).out)


class Bucket(fsspec.get_filesystem_class("memory")):
    """A storage that speaks S3, in memory."""

    protocol = "s3"

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.removeprefix("s3://"))

    def unstrip_protocol(self, name):
        return f"s3://{self._strip_protocol(name).lstrip('/')}"


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """The URL of a bucket that is empty."""
    monkeypatch.setitem(sys.modules["fsspec.registry"]._registry, "s3", Bucket)
    return f"s3://{tmp_path.name}"


@pytest.fixture
def desk(tmp_path, registry):
    return Desk(tmp_path, registry)


@pytest.fixture
def tree(desk, frame):
    """The same with a version whose answers have the same bits whatever rows are beside."""
    label = np.where(frame["age"] + 5 * frame["dose"] > 60, "ill", "well")
    fitted = RandomForestClassifier(5, random_state=0).fit(frame, label)
    register(desk.registry, Candidate("tree", fitted, frame))
    return dataclasses.replace(desk, model="tree")


def rows(count=40):
    """Rows with an id, a note with everything in it that CSV finds hard, and two features."""
    return pd.DataFrame(
        {
            "id": [f"p-{row}" for row in range(count)],
            "note": ['one, "two"\nthree' if row % 7 == 0 else "plain" for row in range(count)],
            "age": [20.0 + row for row in range(count)],
            "dose": [1 + row / 64 for row in range(count)],
        }
    )


@pytest.fixture
def csv_file(tmp_path):
    path = tmp_path / "rows.csv"
    rows().to_csv(path, index=False)
    return path


@pytest.fixture
def bad_file(tmp_path):
    """The same with four rows that cannot be answered: 3, 11, 12 and 25."""
    path = tmp_path / "bad.csv"
    table = rows().astype(object).to_numpy().tolist()
    table[3][2] = "old"
    table[11] = table[11][:3]
    table[12][3] = ""
    table[25][2] = "1e999"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["id", "note", "age", "dose"], *table])
    return path


def read(folder, suffix=".csv"):
    """All rows of output, as a reader of a pattern of files sees them."""
    readers = {
        ".csv": pd.read_csv,
        ".parquet": pd.read_parquet,
        ".jsonl": lambda file: pd.DataFrame(map(json.loads, file.read_text().splitlines())),
    }
    parts = [readers[suffix](one) for one in sorted(folder.glob(f"*{suffix}"))]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)
