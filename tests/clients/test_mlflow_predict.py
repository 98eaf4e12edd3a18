"""`mlflow models predict` and `serve-app mlflow models predict`, with the same options."""

import json

import numpy as np
import pandas as pd
import pytest

from serve_app.cli.main import main
from tests.clients import foreign

pytestmark = pytest.mark.timeout(600)
RNG = np.random.default_rng(5)
FRAME = pd.DataFrame({"age": RNG.uniform(18, 90, 50), "dose": RNG.normal(size=50)})
TRUTHS = {
    "classes": np.where(FRAME["age"] + 20 * FRAME["dose"] > 50, "ill", "well"),
    "numbers": FRAME["age"] / 7 + FRAME["dose"],
}
INPUTS = {
    "split.json": {"dataframe_split": FRAME.to_dict(orient="split")},
    "records.json": {"dataframe_records": FRAME.to_dict(orient="records")},
    "instances.json": {"instances": FRAME.to_dict(orient="records")},
    "columns.json": {"inputs": FRAME.to_dict(orient="list")},
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder of inputs; `more.csv` has a column that no model takes, and its own order."""
    folder = tmp_path_factory.mktemp("predicting")
    for name, content in INPUTS.items():
        (folder / name).write_text(json.dumps(content))
    more = FRAME.assign(id=range(50))[["id", "dose", "age"]]
    more.to_csv(folder / "more.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def call(home):
    """Calls functions in MLflow's environment, where two models were stored."""
    with foreign.running("mlflow_predicting.py", home / "said", foreign.MLFLOW) as calls:
        for name, truth in TRUTHS.items():
            rows = FRAME.to_dict("records")
            calls("save", path=str(home / name), rows=rows, labels=truth.tolist())
        yield calls


def ours(*options):
    with pytest.raises(SystemExit) as caught:
        main(["mlflow", "models", "predict", *options])
    assert not caught.value.code


@pytest.mark.parametrize("model", TRUTHS)
@pytest.mark.parametrize("name", [*INPUTS, "more.csv"])
def test_the_same_line_gives_the_same_predictions(call, home, model, name):
    theirs, target = home / "theirs.json", home / "ours.json"
    line = ["-m", str(home / model), "-i", str(home / name), "-t", name.rpartition(".")[2]]
    line += ["--env-manager", "local", "-o"]
    expected = json.loads(call("predict", options=[*line, str(theirs)], target=str(theirs)))
    ours(*line, str(target))
    answer = json.loads(target.read_text())
    if model == "classes":
        assert answer == expected
    else:
        # MLflow's environment multiplies by another library.
        assert list(answer) == list(expected)
        assert answer["predictions"] == pytest.approx(expected["predictions"], rel=1e-12)
