"""SageMaker's SDK and its serializers, in the environment of the clients."""

import os
import tempfile
from pathlib import Path

import boto3
import numpy as np
import pandas as pd
from answering import answer_calls
from sagemaker.core import deserializers, serializers
from sagemaker.core.local.local_session import LocalSagemakerRuntimeClient
from sagemaker.core.resources import Endpoint

os.environ["AWS_MAX_ATTEMPTS"] = "1"
_FORMS = {
    "frame": pd.DataFrame,
    "ndarray": lambda rows: pd.DataFrame(rows).to_numpy(),
    "lists": lambda rows: [list(row.values()) for row in rows],
    "records": lambda rows: rows,
    "features": lambda rows: [{"features": list(row.values())} for row in rows],
}


def invoke(place, endpoint, rows, form, serializer, deserializer, **asked):
    """What an endpoint answers to rows that one class writes, as another one reads it."""
    # The SDK has no argument for it, and keeps its clients by their session.
    os.environ["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"] = f"http://{place}"
    session = boto3.Session("nobody", "nothing", region_name="eu-central-1")
    write, read = getattr(serializers, serializer)(), getattr(deserializers, deserializer)()
    answer = Endpoint(endpoint_name=endpoint, serializer=write, deserializer=read).invoke(
        _FORMS[form](rows),
        content_type=write.CONTENT_TYPE,
        accept=", ".join(read.ACCEPT),
        session=session,
        region=session.region_name,
        **asked,
    )
    return _plain(answer.body)


def local(place, rows, form, serializer, deserializer, **asked):
    """The same from the SDK's local mode, which asks Docker where containers listen."""
    runtime = LocalSagemakerRuntimeClient({"local": {"serving_port": int(place.split(":")[1])}})
    write, read = getattr(serializers, serializer)(), getattr(deserializers, deserializer)()
    with tempfile.TemporaryDirectory() as folder:
        docker = Path(folder) / "docker"
        docker.write_text("#!/bin/sh\necho 'there is no Docker here' >&2\nexit 1\n")
        docker.chmod(0o755)
        path, os.environ["PATH"] = os.environ["PATH"], f"{folder}:{os.environ['PATH']}"
        try:
            answer = runtime.invoke_endpoint(
                write.serialize(_FORMS[form](rows)),
                "not looked at",
                ContentType=write.CONTENT_TYPE,
                Accept=", ".join(read.ACCEPT),
                **asked,
            )
        finally:
            os.environ["PATH"] = path
    status = answer["ResponseMetadata"]["HTTPStatusCode"]
    return {
        "status": status,
        "body": _plain(read.deserialize(answer["Body"], answer["ContentType"])),
    }


def _plain(found):
    return found.tolist() if isinstance(found, np.ndarray) else found


if __name__ == "__main__":
    answer_calls({"invoke": invoke, "local": local})
