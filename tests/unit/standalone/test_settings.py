"""The command line comes before the environment, and names of endpoints are each one's own."""

import pytest

from serve_app.errors import ConfigError
from serve_app.standalone.settings import RunSettings, named_endpoints


def test_endpoints_are_named_after_their_models_or_otherwise():
    assert named_endpoints(["churn@3", "next=churn@4", "risk@champion", "plain"]) == {
        "churn": "churn@3",
        "next": "churn@4",
        "risk": "risk@champion",
        "plain": "plain",
    }


def test_two_of_one_name_are_refused_with_what_to_write():
    with pytest.raises(ConfigError, match=r"churn@3 and churn@4 .*'churn'.*churn-next=churn@4"):
        named_endpoints(["churn@3", "churn@4"])
    assert named_endpoints(["churn@3", "churn@3"]) == {"churn": "churn@3"}


def test_the_environment_names_models_and_where_they_stand():
    settings = RunSettings.from_environment(
        {"SERVE_APP_MODEL": "churn@3, next=churn@4", "SERVE_APP_REGISTRY": "s3://bucket/registry"}
    )
    assert settings.endpoints == {"churn": "churn@3", "next": "churn@4"}
    assert settings.models == "s3://bucket/registry"


def test_without_any_the_platform_says_where_models_stand():
    assert RunSettings.from_environment({}).models == "./registry"
    assert RunSettings.from_environment({}).endpoints is None
    assert RunSettings.from_environment({}, is_sagemaker=True).models == "/opt/ml/model"
    named = {"AZUREML_MODEL_DIR": "/m", "SERVE_APP_REGISTRY": "/r"}
    assert RunSettings.from_environment(named).models == "/r"


def test_what_the_command_line_chooses_stands():
    settings = RunSettings.from_environment({"PORT": "8080"})
    assert settings.listening(None, None, drain_s=None, leave_s=0) == settings
    place = settings.listening("127.0.0.1", 0, drain_s=1.5, leave_s=2).place
    assert (place.host, place.port, place.drain_s, place.leave_s) == ("127.0.0.1", 0, 1.5, 2)
