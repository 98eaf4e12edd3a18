"""Changes and deaths under a steady 200 requests a second."""

import asyncio

import pytest

from benchmarks.load import build_request, run_open
from serve_app.examples.datasets import breast_cancer
from tests.cluster.harness import config

RATE = 200.0


def graph():
    """Two gateways and two replicas of each model, small enough for two cores."""
    body = config("split")
    for app in body["applications"]:
        deployment = app["deployments"][0]
        if app["name"] == "control":
            continue
        deployment.pop("autoscaling_config")
        deployment["num_replicas"] = 2 if app["name"] in {"gateway", "diagnosis-xgb-1"} else 1
        deployment["ray_actor_options"] = {"num_cpus": 0.1}
    return body


@pytest.fixture(scope="module")
def steady(cluster):
    cluster.start()
    cluster.deploy(graph())
    return cluster


@pytest.fixture
def requests():
    import json

    rows = breast_cancer().frame.head(50).to_dict(orient="records")
    return [
        build_request(
            "POST",
            "/v1/models/diagnosis:predict",
            {"content-type": "application/json", "host": "127.0.0.1"},
            json.dumps({"instances": [row], "parameters": {"patient_id": index}}).encode(),
        )
        for index, row in enumerate(rows)
    ]


def under_load(cluster, requests, change, duration_s=12.0):
    """Run a change (in a thread) while requests arrive; the load's report."""

    async def both():
        load = asyncio.create_task(
            run_open(
                "127.0.0.1",
                cluster.http_port,
                requests,
                rate_per_s=RATE,
                duration_s=duration_s,
                connections=32,
                header="x-snapshot",
            )
        )
        await asyncio.sleep(1.0)
        await asyncio.to_thread(change)
        return await load

    return asyncio.run(both())


def snapshot(cluster):
    return cluster.request("/v1/endpoints").json()["snapshot"]
