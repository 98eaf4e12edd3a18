"""Honest boosters of every kind that the tests make hostile."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import xgboost

ROWS = 300


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    numbers = pd.DataFrame(rng.normal(size=(ROWS, 3)), columns=["a", "b", "c"])
    return numbers.assign(kind=pd.Categorical(rng.choice(list("pqrstuvw"), ROWS)))


def target() -> Any:
    rows = frame()
    return rows["a"] * 2 + rows["kind"].isin(["p", "r", "u"]) * 3 + (rows["b"] > 0)


@cache
def xgboost_json() -> str:
    """Trees with splits by numbers and by several categories."""
    model = xgboost.XGBRegressor(
        n_estimators=4, max_depth=3, enable_categorical=True, max_cat_to_onehot=1, n_jobs=1
    )
    text: str = model.fit(frame(), target()).get_booster().save_raw("json").decode()
    assert any(tree["categories"] for tree in trees(json.loads(text)))
    return text


def trees(document: Any) -> list[Any]:
    listed: list[Any] = document["learner"]["gradient_booster"]["model"]["trees"]
    return listed


def ubj(document: Any) -> bytes:
    """A document as UBJSON, each number as an int64 or a float64 of its own."""

    def written(value: Any) -> bytes:
        if isinstance(value, dict):
            pairs = [text(key) + written(one) for key, one in value.items()]
            return b"{" + b"".join(pairs) + b"}"
        if isinstance(value, list):
            return b"[" + b"".join(map(written, value)) + b"]"
        if isinstance(value, str):
            return b"S" + text(value)
        if isinstance(value, float):
            return b"D" + np.array(value, ">f8").tobytes()
        return b"L" + int(value).to_bytes(8, "big", signed=True)

    def text(value: str) -> bytes:
        return b"L" + len(value.encode()).to_bytes(8, "big") + value.encode()

    return written(document)


@cache
def lightgbm_text(*, linear: bool = False) -> str:
    model = lightgbm.LGBMRegressor(
        n_estimators=4,
        num_leaves=7,
        verbose=-1,
        n_jobs=1,
        linear_tree=linear,
        min_child_samples=5,
        min_data_per_group=10,
    )
    text: str = model.fit(frame(), target()).booster_.model_to_string()
    return text
