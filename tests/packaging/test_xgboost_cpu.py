"""What stands for XGBoost without its GPU parts is of the version that is pinned."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_it_is_of_the_pinned_version_and_so_is_what_it_brings():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    (pinned,) = [line.partition("==")[2] for line in lines if line.startswith("xgboost==")]
    project = tomllib.loads((ROOT / "xgboost-cpu" / "pyproject.toml").read_text())["project"]
    assert project["name"] == "xgboost"
    assert project["version"] == pinned
    assert project["dependencies"] == [f"xgboost-cpu=={pinned}"]
