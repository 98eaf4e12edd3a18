"""The Pipeline that every server answers with, and the rows that it is asked about."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from xgboost import XGBClassifier

SEED = 1994
ROWS = 32_561
GAPS = 0.01

NUMBERS = ("age", "fnlwgt", "education_num", "capital_gain", "capital_loss", "hours_per_week")
CATEGORIES: Mapping[str, Mapping[str, float]] = {
    "workclass": {
        "Private": 75, "Self-emp-not-inc": 8, "Local-gov": 6, "State-gov": 4,
        "Self-emp-inc": 3.5, "Federal-gov": 3, "Without-pay": 0.5,
    },
    "education": {
        "HS-grad": 32, "Some-college": 22, "Bachelors": 17, "Masters": 5, "Assoc-voc": 4,
        "11th": 4, "Assoc-acdm": 3, "10th": 3, "7th-8th": 2, "Prof-school": 2, "9th": 2,
        "12th": 1.5, "Doctorate": 1.2, "5th-6th": 1, "1st-4th": 0.6, "Preschool": 0.4,
    },
    "marital_status": {
        "Married-civ-spouse": 46, "Never-married": 33, "Divorced": 13.5, "Separated": 3,
        "Widowed": 3, "Married-spouse-absent": 1.2, "Married-AF-spouse": 0.3,
    },
    "occupation": {
        "Prof-specialty": 13, "Craft-repair": 13, "Exec-managerial": 13, "Adm-clerical": 12,
        "Sales": 12, "Other-service": 11, "Machine-op-inspct": 7, "Transport-moving": 5,
        "Handlers-cleaners": 4.5, "Farming-fishing": 3, "Tech-support": 3,
        "Protective-serv": 2, "Priv-house-serv": 0.7, "Armed-Forces": 0.3,
    },
    "relationship": {
        "Husband": 40, "Not-in-family": 26, "Own-child": 15, "Unmarried": 11, "Wife": 5,
        "Other-relative": 3,
    },
    "race": {
        "White": 85, "Black": 9.5, "Asian-Pac-Islander": 3.2, "Amer-Indian-Eskimo": 1.2,
        "Other": 1.1,
    },
    "sex": {"Male": 67, "Female": 33},
    "native_country": {
        "United-States": 90, "Mexico": 2, "Philippines": 0.8, "Germany": 0.6, "Canada": 0.6,
        "Puerto-Rico": 0.5, "El-Salvador": 0.5, "India": 0.5, "Cuba": 0.4, "England": 0.4,
        "Jamaica": 0.4, "South": 0.4, "China": 0.4, "Italy": 0.3, "Vietnam": 0.3, "Japan": 0.3,
        "Poland": 0.3, "Guatemala": 0.3, "Columbia": 0.3, "Taiwan": 0.3, "Haiti": 0.3,
        "Iran": 0.2, "Portugal": 0.2, "Peru": 0.2, "Greece": 0.2, "France": 0.2,
    },
}  # fmt: skip
"""The categories of each column and how frequent they are, in parts of a hundred or so."""

COLUMNS = (*NUMBERS, *CATEGORIES)
SCHOOL_YEARS = {
    "Preschool": 1, "1st-4th": 2, "5th-6th": 3, "7th-8th": 4, "9th": 5, "10th": 6, "11th": 7,
    "12th": 8, "HS-grad": 9, "Some-college": 10, "Assoc-voc": 11, "Assoc-acdm": 12,
    "Bachelors": 13, "Masters": 14, "Prof-school": 15, "Doctorate": 16,
}  # fmt: skip

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Stored:
    """Where the files of a trained model lie."""

    folder: Path

    @property
    def joblib(self) -> Path:
        """The Pipeline as peers load it."""
        return self.folder / "model.joblib"

    @property
    def skops(self) -> Path:
        """The Pipeline as this project registers it."""
        return self.folder / "model.skops"

    @property
    def data(self) -> Path:
        """The training frame as CSV."""
        return self.folder / "train.csv"


def census() -> tuple[pd.DataFrame, np.ndarray[Any, Any]]:
    """Synthetic people in the columns of the census income data, and who earns much.

    The frequencies are like those of a census and the seed is fixed, so that every machine
    trains on the same rows; a few numbers are missing.
    """
    random = np.random.default_rng(SEED)
    frame = pd.DataFrame({name: _drawn(random, name) for name in CATEGORIES})
    age = np.clip(17 + random.gamma(2.6, 8.3, ROWS), 17, 90).round()
    years = frame["education"].map(SCHOOL_YEARS).to_numpy(dtype=float)
    hours = np.clip(random.normal(40.5, 12.0, ROWS), 1, 99).round()
    gain = np.where(random.random(ROWS) < 0.08, random.lognormal(8.6, 0.9, ROWS), 0).round()
    loss = np.where(random.random(ROWS) < 0.05, random.normal(1870, 360, ROWS), 0).round()
    numbers = {
        "age": age,
        "fnlwgt": np.clip(random.lognormal(12.05, 0.5, ROWS), 12_285, 1_484_705).round(),
        "education_num": years,
        "capital_gain": np.clip(gain, 0, 99_999),
        "capital_loss": np.clip(loss, 0, 4_356),
        "hours_per_week": hours,
    }
    skilled = frame["occupation"].isin(["Exec-managerial", "Prof-specialty", "Tech-support"])
    married = frame["marital_status"].eq("Married-civ-spouse")
    score = (
        0.04 * (np.minimum(age, 60) - 38)
        + 0.33 * (years - 10)
        + 0.03 * (hours - 40)
        + 0.0003 * gain
        + 0.0004 * loss
        + 0.8 * skilled.to_numpy()
        + 1.9 * married.to_numpy()
        - 2.8
        + random.logistic(0.0, 0.7, ROWS)
    )
    for name in NUMBERS:
        missing = random.random(ROWS) < GAPS
        frame[name] = np.where(missing, np.nan, numbers[name])
    return frame[list(COLUMNS)], (score > 0).astype(np.int64)


def pipeline() -> Pipeline:
    """The Pipeline before training: imputed and scaled numbers, one-hot strings, boosted trees."""
    columns = ColumnTransformer(
        [
            (
                "numbers",
                make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
                list(NUMBERS),
            ),
            (
                "categories",
                OneHotEncoder(handle_unknown="ignore", sparse_output=False),
                list(CATEGORIES),
            ),
        ],
        sparse_threshold=0,
    )
    trees = XGBClassifier(n_estimators=200, max_depth=6, random_state=SEED, n_jobs=1)
    return Pipeline([("columns", columns), ("trees", trees)])


def store(folder: Path) -> tuple[Stored, Pipeline]:
    """Train the Pipeline and write it and its data into a folder."""
    # skops is not needed to read the rows, and reads the whole of scikit-learn.
    from skops import io  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    stored = Stored(folder)
    frame, target = census()
    fitted = pipeline().fit(frame, target)
    joblib.dump(fitted, stored.joblib)
    io.dump(fitted, stored.skops)
    frame.assign(income=target).to_csv(stored.data, index=False)
    return stored, fitted


def asked() -> Rows:
    """The rows of requests in a fixed order: people of whom every number is known."""
    frame, _ = census()
    whole = frame.dropna()
    rows: Rows = json.loads(whole.to_json(orient="records"))
    for row in rows:
        row.update({name: int(row[name]) for name in NUMBERS})
    return rows


def cut(rows: Sequence[dict[str, Any]], size: int, count: int) -> list[Rows]:
    """The first `count` requests of `size` rows each, which follow one another."""
    if len(rows) < size * count:
        raise ValueError(f"{count} requests of {size} rows need more than {len(rows)} rows")
    return [list(rows[index * size : (index + 1) * size]) for index in range(count)]


def _drawn(random: np.random.Generator, name: str) -> np.ndarray[Any, Any]:
    shares = np.array(list(CATEGORIES[name].values()))
    names = np.array(list(CATEGORIES[name]), dtype=object)
    return names[random.choice(len(names), ROWS, p=shares / shares.sum())]
