"""boto3's client of SageMaker's jobs and Google's of Vertex AI's, in the environment of clients."""

import boto3
from answering import answer_calls
from botocore.config import Config
from botocore.exceptions import ClientError, WaiterError
from google.auth.credentials import AnonymousCredentials
from google.cloud.aiplatform_v1.services.job_service import JobServiceClient
from google.cloud.aiplatform_v1.services.job_service.transports import JobServiceRestTransport
from google.protobuf import json_format

_PARENT = "projects/some-project/locations/europe-west4"


def _sagemaker(place):
    return boto3.client(
        "sagemaker",
        endpoint_url=f"http://{place}",
        region_name="eu-central-1",
        aws_access_key_id="nobody",
        aws_secret_access_key="nothing",  # the server does not look at it
        config=Config(retries={"max_attempts": 1, "mode": "standard"}),
    )


def _plain(answer):
    answer.pop("ResponseMetadata", None)
    return {
        name: value.isoformat() if hasattr(value, "isoformat") else value
        for name, value in answer.items()
    }


def sagemaker(place, action, **given):
    """What boto3 makes of an answer, and the code of an error where it is one."""
    client = _sagemaker(place)
    try:
        return _plain(getattr(client, action)(**given))
    except ClientError as error:
        return {
            "error": type(error).__name__,
            "code": error.response["Error"]["Code"],
            "message": error.response["Error"]["Message"],
        }
    finally:
        client.close()


def pages(place, **given):
    """The names of all jobs, page by page, as boto3's paginator turns them."""
    paginator = _sagemaker(place).get_paginator("list_transform_jobs")
    return [
        [one["TransformJobName"] for one in page["TransformJobSummaries"]]
        for page in paginator.paginate(**given)
    ]


def wait(place, name):
    """How a job ended, as boto3's waiter has it."""
    waiter = _sagemaker(place).get_waiter("transform_job_completed_or_stopped")
    try:
        waiter.wait(TransformJobName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    except WaiterError as error:
        return str(error)
    return "ended"


def _vertex(place):
    return JobServiceClient(
        transport=JobServiceRestTransport(
            host=place, url_scheme="http", credentials=AnonymousCredentials()
        )
    )


def vertex(place, action, job=None, name=None):
    """What Google's client makes of an answer."""
    with _vertex(place) as client:
        if action == "create":
            answer = client.create_batch_prediction_job(
                parent=_PARENT, batch_prediction_job=job, timeout=20
            )
        elif action == "list":
            listed = client.list_batch_prediction_jobs(parent=_PARENT, timeout=20)
            return [one.name for one in listed]
        else:
            call = getattr(client, f"{action}_batch_prediction_job")
            answer = call(name=name, timeout=20)
            if answer is None:
                return None
            if action == "delete":
                return answer.done()
        return json_format.MessageToDict(type(answer).pb(answer))


if __name__ == "__main__":
    answer_calls({"sagemaker": sagemaker, "pages": pages, "wait": wait, "vertex": vertex})
