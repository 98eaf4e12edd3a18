"""What the gateway adds, as far as it can be tested without a cluster."""

import io
import string

import pytest
import yaml
from ray.serve.schema import ServeDeploySchema
from rich.console import Console

from benchmarks.overhead.__main__ import HERE, TARGETS, Failed, _process, _table


def test_the_config_holds_both_applications_on_their_paths() -> None:
    text = string.Template((HERE / "both.yaml").read_text()).substitute(
        port=8000, registry="./registry", state="./state", version="progression-xgb@1"
    )
    config = ServeDeploySchema.model_validate(yaml.safe_load(text))
    routes = {application.name: application.route_prefix for application in config.applications}
    assert routes == {"gateway": "/", "bare": "/bare", "control": None}
    assert all(target.path.startswith(("/v1/", "/bare/")) for target in TARGETS)


def test_what_is_added_is_the_difference_of_the_medians() -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(
        _table({"ours": [(10, 190), (11, 170), (9, 400)], "bare": [(12, 150), (13, 160), (9, 1)]})
    )
    said = console.export_text()
    assert "190 µs" in said
    assert "170 to 400 µs" in said
    assert said.split("added")[1].split("│")[2].strip() == "40 µs"


def test_a_process_that_is_not_alone_is_refused() -> None:
    with pytest.raises(Failed, match="0 processes are called ray::nobody"):
        _process("ray::nobody")
