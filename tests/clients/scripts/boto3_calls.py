"""boto3's client of SageMaker's endpoints, in the environment of the clients."""

import boto3
from answering import answer_calls
from botocore.config import Config

_SAID = ("ContentType", "InvokedProductionVariant", "CustomAttributes")


def _client(place):
    return boto3.client(
        "sagemaker-runtime",
        endpoint_url=f"http://{place}",
        region_name="eu-central-1",
        aws_access_key_id="nobody",
        aws_secret_access_key="nothing",  # the server does not look at it
        config=Config(retries={"max_attempts": 1, "mode": "standard"}),
    )


def invoke(place, body, **asked):
    """What an endpoint answers, and what SageMaker tells beside it."""
    client = _client(place)
    try:
        answer = client.invoke_endpoint(Body=body.encode(), **asked)
        told = {name: answer.get(name) for name in _SAID}
        return {"body": answer["Body"].read().decode(), **told}
    finally:
        client.close()


if __name__ == "__main__":
    answer_calls({"invoke": invoke})
