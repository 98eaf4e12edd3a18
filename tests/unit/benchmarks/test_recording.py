"""What recording costs, as far as it can be tested without a cluster."""

import io
import string

import yaml
from ray.serve.schema import ServeDeploySchema
from rich.console import Console

from benchmarks.recording.__main__ import HERE, Measured, config_of, table


def body() -> dict:
    template = string.Template((HERE / "recorded.yaml").read_text())
    return yaml.safe_load(template.substitute(port=8000, registry="./registry", state="./state"))


def names(config: dict) -> list[str]:
    schema = ServeDeploySchema.model_validate(config)
    return [application.name for application in schema.applications]


def test_the_monitor_is_there_or_not_and_nothing_else_differs() -> None:
    with_it, without = config_of(body(), True, 1), config_of(body(), False, 1)
    assert names(with_it) == ["gateway", "control", "monitor"]
    assert names(without) == ["gateway", "control"]
    assert with_it["applications"][:2] == without["applications"]


def test_each_number_has_another_gateway_and_the_same_control() -> None:
    first, second = (config_of(body(), True, number)["applications"] for number in (1, 2))
    assert first[0]["args"] != second[0]["args"]
    assert first[1:] == second[1:]


def test_the_ratio_is_that_of_the_medians() -> None:
    rounds = [
        {"recording": Measured(rate, spent), "without a monitor": Measured(1000, 400)}
        for rate, spent in ((970, 410), (10, 9000), (990, 405))
    ]
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(table(rounds))
    last = console.export_text().split("beside it")[1]
    assert [cell.strip() for cell in last.split("│")[1:3]] == ["0.970", "+10 µs"]
