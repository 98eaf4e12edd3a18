"""The files of `deployments/serverless`, held against the clouds' own models of their calls."""

import copy
import json
from pathlib import Path

import pytest
import yaml

from tests.clients.foreign import Raised
from tests.cloudformation import CloudFormation

SCRIPT = "serverless_calls.py"
FILES = Path(__file__).parents[2] / "deployments" / "serverless"
SAGEMAKER = {
    "model": "CreateModel",
    "endpoint-config": "CreateEndpointConfig",
    "endpoint-config-serverless": "CreateEndpointConfig",
    "endpoint": "CreateEndpoint",
}
VERTEX = {"upload-model": "UploadModelRequest", "deploy-model": "DeployModelRequest"}
ROLE = "arn:aws:iam::000000000000:role/example"


def document(path):
    return json.loads((FILES / path).read_text())


@pytest.fixture
def function():
    """The function of the template, as Lambda's own call takes it, and its URL."""
    template = yaml.load((FILES / "aws-lambda" / "template.yaml").read_text(), CloudFormation)
    properties = template["Resources"]["Function"]["Properties"]
    url = properties.pop("FunctionUrlConfig")
    limit = properties.pop("ReservedConcurrentExecutions")
    code = {"ImageUri": properties.pop("ImageUri")}
    return {**properties, "FunctionName": "churn", "Role": ROLE, "Code": code}, url, limit


def test_lambda_takes_the_templates_function(call, function):
    parameters, url, limit = function
    assert call("aws", service="lambda", operation="CreateFunction", parameters=parameters) == ""
    url = {**url, "FunctionName": "churn"}
    assert call("aws", service="lambda", operation="CreateFunctionUrlConfig", parameters=url) == ""
    concurrency = {"FunctionName": "churn", "ReservedConcurrentExecutions": limit}
    operation = "PutFunctionConcurrency"
    assert call("aws", service="lambda", operation=operation, parameters=concurrency) == ""


def test_a_planted_mistake_is_seen(call, function):
    parameters, _, _ = function
    wrong = {**parameters, "MemorySise": parameters.pop("MemorySize")}
    report = call("aws", service="lambda", operation="CreateFunction", parameters=wrong)
    assert "MemorySise" in report


@pytest.mark.parametrize(("name", "operation"), SAGEMAKER.items())
def test_sagemaker_takes_its_files(call, name, operation):
    parameters = document(f"sagemaker/{name}.json")
    assert call("aws", service="sagemaker", operation=operation, parameters=parameters) == ""


@pytest.mark.parametrize(("name", "kind"), VERTEX.items())
def test_vertex_reads_its_files_whole(call, name, kind):
    given = document(f"vertex/{name}.json")
    assert call("vertex", kind=kind, document=given) == given


def test_vertex_refuses_a_planted_mistake(call):
    wrong = copy.deepcopy(document("vertex/upload-model.json"))
    wrong["model"]["containerSpec"]["predictRout"] = "/predict"
    with pytest.raises(Raised, match="predictRout"):
        call("vertex", kind="UploadModelRequest", document=wrong)
