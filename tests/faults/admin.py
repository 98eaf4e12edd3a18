"""What faults are followed by: changes, by the shortest way."""

import json
import urllib.error
import urllib.request

from tests.cluster.harness import PAST_PROXIES


def put(url, body):
    """PUT some JSON; whether it was taken.

    Raises OSError: nobody is there.
    """
    head = {"content-type": "application/json"}
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
    return put(f"{cluster.dashboard_url}/api/serve/applications/", whole)
