"""A page of your own in front of an endpoint, with Flask.

    pip install flask serve-app-client
    SERVE_APP_URL=http://127.0.0.1:8000 flask --app examples/flask_app.py run --port 5050
    curl 127.0.0.1:5050/progression -H 'content-type: application/json' -d '{"age": 59, …}'

One client serves all requests: it keeps connections open and may be used by several threads.
"""

import os

from flask import Flask, Response, jsonify, request

from serve_app.client import Client
from serve_app.errors import ClientError, ServeError

app = Flask(__name__)
client = Client(os.environ.get("SERVE_APP_URL", "http://127.0.0.1:8000"), timeout_s=5.0)


@app.post("/<endpoint>")
def predict(endpoint: str) -> Response | tuple[Response, int]:
    """What the endpoint says of the row in the body."""
    row = request.get_json()
    try:
        answer = client.predict(endpoint, [row])
    except ClientError as error:
        # The row is wrong: whoever sent it should know how.
        return jsonify(error=str(error)), 400
    except ServeError:
        app.logger.exception("the model did not answer")
        return jsonify(error="please try again later"), 503
    return jsonify(prediction=answer.predictions[0], answered_by=answer.variants)
