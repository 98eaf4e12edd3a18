"""Google's client of Vertex AI's predictions, in the environment of the clients."""

import json

from answering import answer_calls
from google.api import httpbody_pb2
from google.auth.credentials import AnonymousCredentials
from google.cloud.aiplatform_v1.services.prediction_service import PredictionServiceClient
from google.cloud.aiplatform_v1.services.prediction_service.transports import (
    PredictionServiceRestTransport,
)
from google.protobuf import json_format

_PATH = "projects/some-project/locations/europe-west4/endpoints/"


def _client(place):
    credentials = AnonymousCredentials()
    return PredictionServiceClient(
        transport=PredictionServiceRestTransport(
            host=place, url_scheme="http", credentials=credentials
        )
    )


def predict(place, endpoint, instances, parameters=None):
    """What the client makes of an answer."""
    with _client(place) as client:
        answer = client.predict(
            endpoint=_PATH + endpoint, instances=instances, parameters=parameters, timeout=20
        )
    return {
        "predictions": [json_format.MessageToDict(one) for one in answer.predictions.pb],
        "deployed_model_id": answer.deployed_model_id,
        "model": answer.model,
        "metadata": json_format.MessageToDict(answer._pb.metadata),
    }


def raw_predict(place, endpoint, body):
    """The answer to a body as it is."""
    http_body = httpbody_pb2.HttpBody(
        content_type="application/json", data=json.dumps(body).encode()
    )
    with _client(place) as client:
        answer = client.raw_predict(endpoint=_PATH + endpoint, http_body=http_body, timeout=20)
    return {"content_type": answer.content_type, "body": json.loads(answer.data)}


if __name__ == "__main__":
    answer_calls({"predict": predict, "raw_predict": raw_predict})
