"""Mistakes in files for functions of clouds are found, by line, with what was meant."""

from pathlib import Path

import pytest

from serve_app.platforms.kinds import SERVERLESS, kind_of
from serve_app.platforms.serverless.checks import findings

FOLDER = Path("deployments/serverless")
FILES = {
    str(path.relative_to(FOLDER)): path.read_text()
    for ending in ("yaml", "json")
    for path in sorted(FOLDER.rglob(f"*.{ending}"))
    if path.parent.name != "cloud-run"
}
LAMBDA = "aws-lambda/template.yaml"


@pytest.mark.parametrize("name", FILES)
def test_what_is_committed_needs_no_more_than_to_be_filled_in(name):
    assert kind_of(FILES[name]) is SERVERLESS
    assert [one for one in findings(FILES[name]) if "is to be filled in" not in one.message] == []


PLANTED = {
    "a key of a function": (LAMBDA, "MemorySize: 1769", "MemorySiez: 1769", "'MemorySize'"),
    "a part of a function": (LAMBDA, "FunctionUrlConfig:", "FunctionURLConfig:",
                             "'FunctionUrlConfig'"),
    "a key below": (LAMBDA, "AuthType: AWS_IAM", "AuthTpye: AWS_IAM", "'AuthType'"),
    "a value of it": (LAMBDA, "AuthType: AWS_IAM", "AuthType: IAM", "not one of"),
    "a processor": (LAMBDA, "[x86_64]", "[x86-64]", "not one of"),
    "a number": (LAMBDA, "Timeout: 30", "Timeout: 30s", "not of type 'integer'"),
    "a part of the template": (LAMBDA, "Parameters:", "Paramters:", "'Parameters'"),
    "a parameter": (LAMBDA, "!Ref ImageUri", "!Ref ImageURL", "Did you mean 'ImageUri'?"),
    "a resource": (LAMBDA, "!GetAtt FunctionUrl", "!GetAtt FunctoinUrl", "'FunctionUrl'"),
    "a type": (LAMBDA, "Type: AWS::Serverless::Function", "Type: AWS::Serverles::Function",
               "'AWS::Serverless::Function'"),
    "a variable": (LAMBDA, "SERVE_APP_MODEL:", "SERVE_APP_MODLE:", "'SERVE_APP_MODEL'"),
    "a variable's beginning": (LAMBDA, "SERVE_APP_MODEL:", "SEVRE_APP_MODEL:", "'SERVE_APP_MODEL'"),
    "a parameter's key": (LAMBDA, "AllowedPattern:", "AllowedPatern:", "'AllowedPattern'"),
    "an output's key": (LAMBDA, "Value: !GetAtt", "Vaule: !GetAtt", "'Value'"),
    "what an endpoint is known by": ("azure-ml/endpoint.yaml", "auth_mode:", "auht_mode:",
                                     "'auth_mode'"),
    "a key of a deployment": ("azure-ml/deployment.yaml", "instance_count:", "instances_count:",
                              "'instance_count'"),
    "a route": ("azure-ml/deployment.yaml", "scoring_route:", "score_route:", "'scoring_route'"),
    "a probe": ("azure-ml/deployment.yaml", "readiness_probe:", "readyness_probe:",
                "'readiness_probe'"),
    "a variable of a deployment": ("azure-ml/deployment.yaml", "SERVE_APP_MODEL:",
                                   "SERVE_APP_MODELL:", "'SERVE_APP_MODEL'"),
    "who may ask": ("azure-ml/endpoint.yaml", "aad_token", "add_token", "not one of"),
    "a handler": ("azure-functions/custom/host.json", "customHandler", "customHandlers",
                  "'customHandler'"),
    "a flag of it": ("azure-functions/custom/host.json", "enableForwardingHttpRequest",
                     "enableForwardHttpRequest", "'enableForwardingHttpRequest'"),
    "a program": ("azure-functions/wrapped/host.json", "defaultExecutablePath",
                  "defaultExecutable", "'defaultExecutablePath'"),
    "a prefix": ("azure-functions/python/host.json", "routePrefix", "routeprefix", "'routePrefix'"),
    "a binding": ("azure-functions/custom/serve_app/function.json", "authLevel", "authLevl",
                  "'authLevel'"),
    "a direction": ("azure-functions/wrapped/serve_app/function.json", '"direction": "out"',
                    '"direction": "outt"', "not one of"),
    "a variant": ("sagemaker/endpoint-config.json", "InitialInstanceCount", "InitalInstanceCount",
                  "'InitialInstanceCount'"),
    "its memory": ("sagemaker/endpoint-config-serverless.json", "MemorySizeInMB", "MemorySizeInMb",
                   "'MemorySizeInMB'"),
    "an endpoint": ("sagemaker/endpoint.json", "EndpointConfigName", "EndpointConfgName",
                    "'EndpointConfigName'"),
    "a container": ("sagemaker/model.json", "PrimaryContainer", "PrimraryContainer",
                    "'PrimaryContainer'"),
    "its data": ("sagemaker/model.json", "ModelDataUrl", "ModelDataURI", "'ModelDataUrl'"),
    "a machine": ("vertex/deploy-model.json", "machineType", "machine_type", "'machineType'"),
    "replicas": ("vertex/deploy-model.json", "maxReplicaCount", "maxReplicasCount",
                 "'maxReplicaCount'"),
    "a health route": ("vertex/upload-model.json", "healthRoute", "healthRoutes", "'healthRoute'"),
    "a variable's name": ("vertex/upload-model.json", "SERVE_APP_MODEL", "SERVE_APP_MODELS",
                          "'SERVE_APP_MODEL'"),
    "a tag in place of a digest": ("sagemaker/model.json", "@sha256:FILL_IN_DIGEST", ":latest",
                                   "by its digest"),
    "memory that there is not": (LAMBDA, "MemorySize: 1769", "MemorySize: 17690",
                                 "17690 is greater than the maximum of 10240"),
    "longer than it may run": (LAMBDA, "Timeout: 30", "Timeout: 3000", "the maximum of 900"),
    "memory between steps": ("sagemaker/endpoint-config-serverless.json", "2048", "2000",
                             "multiple of 1024"),
    "a machine of another service": ("sagemaker/endpoint-config.json", '"ml.c6i.large"',
                                     '"c6i.large"', "Did you mean 'ml.c6i.large'?"),
    "a path without a slash": ("vertex/upload-model.json", '"/predict"', '"predict"',
                               "write '/predict'"),
    "a path that nobody answers": ("vertex/upload-model.json", '"/health"', '"/healthy"',
                                   "Did you mean '/health'?"),
    "shares": ("vertex/deploy-model.json", '"0": 100', '"0": 90', "adds up to 90"),
    "fewer at most than at least": ("vertex/deploy-model.json", '"minReplicaCount": 1',
                                    '"minReplicaCount": 6', "more than maxReplicaCount"),
    "a command": ("vertex/upload-model.json", '["run"]', '["runn"]', "Did you mean 'run'?"),
    "a version of the host": ("azure-functions/custom/host.json", '"2.0"', '"3.0"', "not one of"),
    "a trigger": ("azure-functions/custom/serve_app/function.json", "httpTrigger", "httpTriger",
                  "Did you mean 'httpTrigger'?"),
    "a model's key": ("azure-ml/deployment.yaml", "path:", "pth:", "Did you mean 'path'?"),
    "a secret's value": ("vertex/upload-model.json", '"SERVE_APP_MODEL"', '"DB_PASSWORD"',
                         "is a secret"),
    "a line break": ("sagemaker/endpoint.json", '"churn"', '"a\\nb"', "line break"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", PLANTED)
def test_a_planted_mistake_is_found_where_it_stands(mistake):
    name, right, wrong, words = PLANTED[mistake]
    assert right in FILES[name]
    text = FILES[name].replace(right, wrong, 1)
    assert kind_of(text) is SERVERLESS
    lines = text.splitlines()
    found = findings(text)
    assert [one for one in found if words in one.message and wrong in lines[one.line - 1]], found


def test_what_is_no_yaml_is_said_by_line():
    (one,) = findings("Resources:\n  a: [\n")
    assert one.line > 1


@pytest.mark.parametrize("text", ["applications: []", "name: a", "model: churn@1", "- a"])
def test_other_files_are_none_of_these(text):
    assert kind_of(text) is not SERVERLESS
