"""Files of XGBoost's that break off are refused before XGBoost reads them."""

import numpy as np
import pandas as pd
import pytest
import xgboost

from serve_app.errors import InvalidInput
from serve_app.models.inspect.ubjson import decode

ROWS = 200


def stored(estimator, frame, target, **fitted):
    return bytes(estimator.fit(frame, target, **fitted).get_booster().save_raw("ubj"))


@pytest.fixture(scope="module")
def files():
    """Models of several kinds, as XGBoost itself writes them."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"age": rng.normal(size=ROWS), "kind": pd.Categorical(rng.integers(0, 5, ROWS))}
    )
    plain, target = frame[["age"]], rng.integers(0, 3, ROWS)
    return {
        "categories": stored(
            xgboost.XGBClassifier(n_estimators=3, enable_categorical=True), frame, target
        ),
        "linear": stored(xgboost.XGBRegressor(booster="gblinear", n_estimators=2), plain, target),
        "dart": stored(xgboost.XGBRegressor(booster="dart", n_estimators=3), plain, target),
        "ranks": stored(xgboost.XGBRanker(n_estimators=2), plain, target, group=[ROWS]),
    }


@pytest.mark.parametrize("name", ["categories", "linear", "dart", "ranks"])
def test_what_xgboost_writes_is_whole_and_every_part_of_it_breaks_off(files, name):
    content = files[name]
    decode(content)
    for length in range(1, len(content), max(1, len(content) // 300)):
        with pytest.raises(InvalidInput, match="breaks off or is damaged at byte"):
            decode(content[:length])


@pytest.mark.parametrize(
    "content",
    [
        b"{" * 1000,
        b"{L" + b"\xff" * 8,
        b"{i\x01a[#L" + b"\x7f" + b"\xff" * 7,
        b"{i\x01a[$d#L" + b"\x7f" + b"\xff" * 7,
        b"{i\x01a[$S#i\x01",
        b"{i\x01aX}",
        b"{i\xffa",
    ],
    ids=repr,
)
def test_what_only_looks_like_it_is_refused_at_once(content):
    with pytest.raises(InvalidInput, match="damaged"):
        decode(content)


@pytest.mark.parametrize("content", [b"", b"binf", b"[1]", b"\x00\xff"])
def test_what_begins_otherwise_is_refused(content):
    with pytest.raises(InvalidInput, match="does not begin"):
        decode(content)
