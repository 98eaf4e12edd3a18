"""What SageMaker's clients send of a job: taken, or refused in words, and never half read."""

import pytest

from serve_app.errors import InvalidInput
from serve_app.gateway.transform_bodies import order_of

WHOLE = {
    "TransformJobName": "job",
    "ModelName": "line",
    "TransformInput": {
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://rows/may"}}
    },
    "TransformOutput": {"S3OutputPath": "s3://answers"},
    "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"TransformResources": 5}, "TransformResources must be an object"),
        ({"ModelClientConfig": "fast"}, "ModelClientConfig must be an object"),
        ({"ModelClientConfig": {"Retries": 1}}, "'Retries', which is unknown"),
        ({"ModelClientConfig": {"InvocationsTimeoutInSeconds": 3_601}}, "from 1 to 3,600"),
        ({"ModelClientConfig": {"InvocationsMaxRetries": 4}}, "from 0 to 3"),
        ({"MaxConcurrentTransforms": "8"}, "MaxConcurrentTransforms must be a whole number"),
        ({"MaxPayloadInMB": 101}, "MaxPayloadInMB must be a whole number from 0 to 100"),
        ({"MaxPayloadInMB": True}, "MaxPayloadInMB"),
        ({"DataCaptureConfig": {}}, "not captured"),
        ({"Colour": "red"}, "'Colour', which is unknown"),
    ],
)
def test_a_member_of_another_kind_or_out_of_bounds_is_refused(changed, words):
    with pytest.raises(InvalidInput, match=words):
        order_of({**WHOLE, **changed}, "line@1", None)


def test_what_changes_nothing_is_taken_within_its_bounds():
    more = {
        "ModelClientConfig": {"InvocationsTimeoutInSeconds": 3_600, "InvocationsMaxRetries": 0},
        "MaxConcurrentTransforms": 16,
        "MaxPayloadInMB": 0,
        "TransformResources": None,
    }
    assert order_of({**WHOLE, **more}, "line@1", None).output == "transform-job"
