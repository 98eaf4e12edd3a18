"""Every block of the README and the documents, typed one after the other after `make demo`."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
import yaml

from serve_app.config import GatewayArgs, MonitorArgs
from serve_app.lifecycle.spec import read_pipeline
from serve_app.models.declared import declared
from tests.cluster.harness import application, endpoints
from tests.cluster.stranger import Stranger, blocks

ROWS = [{"age": 40, "visits": 2.0}, {"age": 40, "visits": 8.0}]
BLOCKS = blocks()
MINE = Path("configs/mine.yaml")
ELSEWHERE = {"containers.md", "kubernetes.md", "ray-up.md", "serverless.md"}
"""Pages of places that are not here: Docker, Kubernetes, clouds."""
TESTED_ELSEWHERE = {
    "demand.md",
    "diagnostics.md",
    "flights.md",
    "mlflow.md",
    "recommendations.md",
    "statistics.md",
}
"""Pages whose lines other tests run: beside MLflow's server, for what they print, or measure."""


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    made = Stranger(tmp_path_factory.mktemp("checkout"))
    try:
        made.make("demo")
        yield made
    finally:
        made.make("down")


def an_endpoint(stranger, body):
    """Settings of endpoints, put into the config that was just written, where one was."""
    if not (stranger.home / MINE).exists():
        experiments(stranger, body)
        return
    config = yaml.safe_load((stranger.home / MINE).read_text())
    endpoints(config).update(body["endpoints"])
    (stranger.home / MINE).write_text(yaml.safe_dump(config))


def experiments(stranger, body):
    """Endpoints, and layers that they are experiments in, in a config that is valid with them."""
    config = yaml.safe_load((stranger.home / "configs" / "local.yaml").read_text())
    endpoints(config).update(body["endpoints"])
    (deployment,) = application(config, "control")["deployments"]
    deployment["user_config"]["layers"] = body.get("layers", {})
    stranger.validate(config, "experiments.yaml")


def an_application(stranger, body):
    """Applications, put into that config."""
    config = yaml.safe_load((stranger.home / MINE).read_text())
    config["applications"] += body["applications"]
    (stranger.home / MINE).write_text(yaml.safe_dump(config))


def args_of_the_gateway(stranger, body):
    """`args` of the gateway, whole or some of them, in a config that is valid with them."""
    args = body.get("args", body)
    config = yaml.safe_load((stranger.home / "configs" / "local.yaml").read_text())
    gateway = application(config, "gateway")
    gateway["args"] = {**gateway["args"], **args}
    stranger.validate(config, "args.yaml")


def args_of_the_monitor(stranger, body):
    """Some of the monitor's `args`, in a config that is valid with them."""
    config = yaml.safe_load((stranger.home / "configs" / "local.yaml").read_text())
    application(config, "monitor")["args"].update(body)
    stranger.validate(config, "monitor.yaml")


def a_deployment(stranger, body):
    """Keys of a deployment that scales by load, in a config that is valid with them."""
    config = yaml.safe_load((stranger.home / "configs" / "local.yaml").read_text())
    (deployment,) = application(config, "diagnosis-xgb-1")["deployments"]
    deployment["autoscaling_config"]["max_replicas"] = 4
    deployment.update(body)
    stranger.validate(config, "scaling.yaml")


def types(stranger, body):
    """A file for `--dtypes`."""
    (stranger.home / "dtypes.yaml").write_text(yaml.safe_dump(body))
    assert declared([str(stranger.home / "dtypes.yaml")]).keys() == body["dtypes"].keys()


def a_pipeline(stranger, body):
    """A pipeline that can be read."""
    (stranger.home / "pipeline.yaml").write_text(yaml.safe_dump(body))
    assert read_pipeline(stranger.home / "pipeline.yaml").pipeline == body["pipeline"]


YAML = {
    "endpoints": an_endpoint,
    "layers": experiments,
    "applications": an_application,
    "args": args_of_the_gateway,
    "autoscaling_config": a_deployment,
    "user_config": a_deployment,
    "dtypes": types,
    "pipeline": a_pipeline,
    **dict.fromkeys(MonitorArgs.model_fields, args_of_the_monitor),
    **dict.fromkeys(GatewayArgs.model_fields, args_of_the_gateway),
}


def as_yaml(stranger, text):
    body = yaml.safe_load(text)
    YAML[next(iter(body))](stranger, body)


def as_json(stranger, text):
    for line in text.splitlines():
        json.loads(line)


LANGUAGES = {
    "sh": Stranger.shell,
    "python": Stranger.python,
    "yaml": as_yaml,
    "json": as_json,
    "text": lambda *_: None,
}


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_runs_as_it_is_printed(stranger, block):
    LANGUAGES[block.language](stranger, block.text)


def test_hardly_a_block_is_a_transcript():
    assert len(BLOCKS) >= 20
    # The targets of make, MLflow's directory, several machines.
    texts = [block for block in BLOCKS if block.language == "text"]
    free = ELSEWHERE | TESTED_ELSEWHERE
    assert len([block for block in texts if block.document.name not in free]) <= 3


def test_what_the_blocks_deployed_answers_as_they_say(stranger):
    fitted = skops.io.load(stranger.home / "model.skops")
    said = stranger.cluster.predict("churn", ROWS, parameters={"customer_id": "c-1"})
    assert said["predictions"] == fitted.predict(pd.DataFrame(ROWS)).tolist()
    refused = stranger.cluster.request(
        "/v1/models/churn:predict", {"instances": [{"age": 400, "visits": 2.0}]}
    )
    assert refused.status == 400
    assert refused.json()["violations"][0]["rule"] == "range"


def test_the_model_with_a_module_of_its_own_answers_from_replicas(stranger):
    frame = pd.read_csv(stranger.home / "train.csv")
    churned = frame.pop("churned")
    said = stranger.cluster.predict("ratio", frame.head(50).to_dict(orient="records"))
    standing = stranger.cluster.request("/v1/endpoints").json()["endpoints"]
    assert {e["placement"] for e in standing if e["name"] == "ratio"} == {"replicas"}
    assert np.mean(np.array(said["predictions"]) == churned[:50]) > 0.7


def test_a_graph_and_coarser_weights_are_what_the_page_says(stranger):
    assert "onnx" in stranger.shell("serve-app models show churn-graph")
    shown = stranger.shell("serve-app models show churn-coarse --json")
    trade = json.loads(shown)["compiled"]["quantised"]
    assert trade["precision"] == "int8"
    assert abs(trade["before"] - trade["after"]) <= 0.005


def test_a_directory_of_mlflow_is_served_by_the_line_that_is_printed_for_it(stranger):
    (line,) = [b.text for b in BLOCKS if b.language == "text" and "mlruns" in b.text]
    name, path = line.split()[2:4]
    folder = stranger.home / path
    folder.mkdir(parents=True)
    shutil.copy2(stranger.home / "model.skops", folder / "model.skops")
    example = {"columns": ["age", "visits"], "data": [[40, 2.0], [41, 8.5]]}
    (folder / "input_example.json").write_text(json.dumps(example))
    columns = [
        {"type": "long", "name": "age", "required": True},
        {"type": "double", "name": "visits", "required": True},
    ]
    (folder / "MLmodel").write_text(
        yaml.safe_dump(
            {
                "flavors": {
                    "sklearn": {
                        "pickled_model": "model.skops",
                        "serialization_format": "skops",
                        "sklearn_version": "1.7.0",
                    }
                },
                "saved_input_example_info": {
                    "artifact_path": "input_example.json",
                    "type": "dataframe",
                },
                "signature": {"inputs": json.dumps(columns)},
            }
        )
    )
    before = len(json.loads(stranger.shell("serve-app models list --json")))
    # The configuration of the pages lets several versions answer as `churn`: so does this one not.
    stranger.shell(line.replace(f"serve {name}", "serve churn-of-mlflow"))
    assert len(json.loads(stranger.shell("serve-app models list --json"))) == before + 1
    said = stranger.cluster.predict("churn-of-mlflow", ROWS)
    fitted = skops.io.load(stranger.home / "model.skops")
    assert said["predictions"] == fitted.predict(pd.DataFrame(ROWS)).tolist()
