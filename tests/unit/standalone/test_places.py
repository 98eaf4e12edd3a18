"""Each platform says where a process is to listen; it is obeyed."""

import pytest

from serve_app.errors import ConfigError
from serve_app.standalone.places import Place, place_of


def test_without_a_platform_only_this_machine_is_answered():
    assert place_of({}) == Place("this machine", "127.0.0.1", 8000, None, 10.0)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        # https://cloud.google.com/run/docs/container-contract
        (
            {"PORT": "8080", "K_SERVICE": "churn"},
            Place("Cloud Run", "0.0.0.0", 8080, None, 9.0),
        ),
        ({"PORT": "3000"}, Place("a container", "0.0.0.0", 3000)),
        # https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements
        (
            {
                "AIP_HTTP_PORT": "8080",
                "AIP_STORAGE_URI": "gs://bucket/model",
                "AIP_HEALTH_ROUTE": "/alive",
                "AIP_PREDICT_ROUTE": "/ask",
            },
            Place(
                "Vertex AI", "0.0.0.0", 8080, "gs://bucket/model",
                health_route="/alive", predict_route="/ask",
            ),
        ),
        # https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers
        ({"FUNCTIONS_CUSTOMHANDLER_PORT": "45123"}, Place("Azure Functions", "127.0.0.1", 45123)),
        (
            {"AZUREML_MODEL_DIR": "/var/azureml-app/azureml-models/churn/1"},
            Place("Azure ML", "0.0.0.0", 5001, "/var/azureml-app/azureml-models/churn/1"),
        ),
    ],
)  # fmt: skip
def test_the_environment_says_where(environment, expected):
    assert place_of(environment) == expected


@pytest.mark.parametrize(
    ("environment", "port"), [({}, 8080), ({"SAGEMAKER_BIND_TO_PORT": "9090"}, 9090)]
)
def test_sagemaker_says_serve(environment, port):
    # https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
    expected = Place("SageMaker", "0.0.0.0", port, "/opt/ml/model")
    assert place_of(environment, is_sagemaker=True) == expected


@pytest.mark.parametrize("text", ["", "eighty", "0", "65536", "80 ", "-1", "٨٠"])
@pytest.mark.parametrize("variable", ["PORT", "AIP_HTTP_PORT", "FUNCTIONS_CUSTOMHANDLER_PORT"])
def test_what_is_no_port_is_refused(variable, text):
    with pytest.raises(ConfigError, match=f"{variable} must be a port"):
        place_of({variable: text})
