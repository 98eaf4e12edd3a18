"""What the files of `deployments/serverless` name exists, and what they leave open shows."""

import json
import re
import subprocess
from pathlib import Path

import httpx
import pytest
import yaml

from serve_app.standalone import azure_handler
from tests.cloudformation import CloudFormation

FILES = Path(__file__).parents[3] / "deployments" / "serverless"
ALL = sorted(path for path in FILES.rglob("*") if path.is_file())
AZURE = FILES / "azure-functions"
IMAGE = re.compile(r"[\w./-]*[\w-]/[\w./-]+[:@][\w:.@-]+")


def name(path):
    return str(path.relative_to(FILES))


@pytest.mark.parametrize("path", [one for one in ALL if one.suffix == ".json"], ids=name)
def test_json_is_json(path):
    assert isinstance(json.loads(path.read_text()), dict)


@pytest.mark.parametrize("path", ALL, ids=name)
def test_images_are_named_by_digests_that_have_to_be_filled_in(path):
    images = [one for one in IMAGE.findall(path.read_text()) if "sha256" in one]
    for image in images:
        assert image.endswith("@sha256:FILL_IN_DIGEST")
    if re.search(r"imageUri|\"Image\"|image:|ARG BASE", path.read_text()):
        assert images


@pytest.mark.parametrize("path", ALL, ids=name)
def test_no_account_stands_in_them(path):
    assert not re.search(r"\b\d{12}\b", path.read_text())


@pytest.mark.parametrize("form", ["custom", "wrapped"])
def test_the_hosts_function_has_the_name_that_the_handler_listens_to(form):
    assert [one.name for one in (AZURE / form).iterdir() if one.is_dir()] == [
        azure_handler.FUNCTION
    ]
    host = json.loads((AZURE / form / "host.json").read_text())
    assert host["customHandler"]["enableForwardingHttpRequest"] is (form == "custom")
    assert host["extensions"]["http"]["routePrefix"] == ""


def test_an_http_binding_has_the_output_that_the_handler_fills():
    function = json.loads((AZURE / "custom" / "serve_app" / "function.json").read_text())
    (output,) = [one for one in function["bindings"] if one["direction"] == "out"]
    assert output["name"] == azure_handler.HTTP_OUTPUT


def test_the_shell_script_can_be_read():
    subprocess.run(["sh", "-n", str(FILES / "aws-lambda" / "build-zip.sh")], check=True)


@pytest.mark.parametrize("path", [one for one in ALL if one.suffix == ".yaml"], ids=name)
def test_yaml_is_yaml(path):
    assert isinstance(yaml.load(path.read_text(), CloudFormation), dict)


async def test_cloud_run_asks_for_health_where_there_is_some(app):
    service = yaml.safe_load((FILES / "cloud-run" / "service.yaml").read_text())
    (container,) = service["spec"]["template"]["spec"]["containers"]
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://run"
    ) as client:
        for probe in ("startupProbe", "livenessProbe"):
            answer = await client.get(container[probe]["httpGet"]["path"])
            assert answer.status_code == 200


async def test_azure_ml_asks_where_there_are_answers(app):
    deployment = yaml.safe_load((FILES / "azure-ml" / "deployment.yaml").read_text())
    routes = deployment["environment"]["inference_config"]
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://ml"
    ) as client:
        for kind in ("liveness_route", "readiness_route"):
            assert (await client.get(routes[kind]["path"])).status_code == 200
        rows = {"data": [{"age": 61.0, "dose": 2.5}]}
        answer = await client.post(routes["scoring_route"]["path"], json=rows)
        assert answer.status_code == 200
