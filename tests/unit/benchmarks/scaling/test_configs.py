"""What the benchmark deploys is what Serve reads."""

import pytest
from ray.serve.schema import ServeDeploySchema

from benchmarks.scaling import configs
from benchmarks.scaling.scenarios import allowed_step


# Serve deprecates the key and reads nothing else.
@pytest.mark.filterwarnings("ignore:The `metrics_interval_s` field:DeprecationWarning")
def test_a_fixed_and_a_scaled_forest_differ_in_nothing_else() -> None:
    fixed = configs.forest("wide-forest@1", configs.fixed(2))
    scaled = configs.forest("wide-forest@1", configs.scaled(4))
    for body in (fixed, scaled):
        ServeDeploySchema.model_validate(body)
    few, many = (body["applications"].pop() for body in (fixed, scaled))
    assert fixed == scaled
    assert few["name"] == many["name"] == "wide-forest-1"
    assert few["args"] == {"model": "wide-forest", "version": 1, "registry": "./registry"}
    assert few["deployments"][0]["num_replicas"] == 2
    assert many["deployments"][0]["autoscaling_config"]["max_replicas"] == 4


def test_the_demo_is_the_config_that_users_deploy() -> None:
    names = {application["name"] for application in configs.demo()["applications"]}
    assert {"gateway", "control", "diagnosis-xgb-1", "diagnosis-forest-1"} <= names


def test_the_step_is_three_capacities_where_the_machine_has_cores_for_them() -> None:
    assert [allowed_step(cores) for cores in (1, 2, 4, 16)] == [1.0, 1.5, 3.0, 3.0]
