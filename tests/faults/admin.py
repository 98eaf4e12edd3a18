"""What faults are followed by: changes, by the shortest way."""

import json
import urllib.error
import urllib.request

from serve_app.examples.datasets import breast_cancer
from tests.cluster.harness import PAST_PROXIES


def put(url, body, headers=None):
    """PUT some JSON; whether it was taken.

    Raises OSError: nobody is there.
    """
    head = {"content-type": "application/json", **(headers or {})}
    request = urllib.request.Request(url, json.dumps(body).encode(), head, method="PUT")
    try:
        with PAST_PROXIES.open(request, timeout=15) as answer:
            return answer.status == 200
    except urllib.error.HTTPError:
        return False


def set_weights(cluster, xgb):
    """Give XGBoost so many of a hundred; whether that was acknowledged."""
    given = {"diagnosis-xgb@1": xgb, "diagnosis-forest@1": 100 - xgb}
    url = f"{cluster.admin_url}/v1/admin/endpoints/diagnosis/weights"
    return put(url, {"weights": given})


def weights(cluster):
    """The weights that stand, by version."""
    (shown,) = [
        one["variants"]
        for one in cluster.request("/v1/endpoints").json()["endpoints"]
        if one["name"] == "diagnosis"
    ]
    return {one["version"]: one["weight"] for one in shown}


def deploy(cluster, body):
    """Hand a config to Serve; whether it was taken."""
    whole = {**body, "http_options": {"host": "127.0.0.1", "port": cluster.http_port}}
    token = {"authorization": f"Bearer {cluster.token.read_text()}"}
    return put(f"{cluster.dashboard_url}/api/serve/applications/", whole, token)


def feedback(cluster):
    """Send feedback to a fresh prediction; the answer to it."""
    row = breast_cancer().frame.iloc[0].to_dict()
    prediction = cluster.predict("diagnosis", [row])["prediction_id"]
    body = {"prediction_id": prediction, "reward": 1.0}
    return cluster.request("/v1/models/diagnosis:feedback", body)
