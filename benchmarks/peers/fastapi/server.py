"""FastAPI with a typed body, as its documentation shows it.

Settings: rows are `TypedDict`s, which pydantic validates into plain dictionaries without a
copy for pandas; the answer is typed, so that pydantic writes the JSON; uvicorn runs with
uvloop and httptools, without access logs, with one worker or one per core; one thread per
worker computes (`OMP_NUM_THREADS=1`). The handler is `async def`: predictions are nothing
but computation, and a pool of threads only makes them fight for the interpreter (measured).
"""

from __future__ import annotations

import os

import joblib
import pandas as pd
from fastapi import FastAPI
from typing_extensions import TypedDict


class Row(TypedDict):
    """One person."""

    age: float | None
    fnlwgt: float | None
    education_num: float | None
    capital_gain: float | None
    capital_loss: float | None
    hours_per_week: float | None
    workclass: str
    education: str
    marital_status: str
    occupation: str
    relationship: str
    race: str
    sex: str
    native_country: str


class Question(TypedDict):
    """The rows to predict."""

    instances: list[Row]


class Answer(TypedDict):
    """The probabilities of both classes, per row."""

    probabilities: list[list[float]]


app = FastAPI()
model = joblib.load(os.environ["BENCH_MODEL"])


@app.post("/predict")
async def predict(question: Question) -> Answer:
    """Predict all rows."""
    frame = pd.DataFrame(question["instances"])
    return {"probabilities": model.predict_proba(frame).tolist()}
