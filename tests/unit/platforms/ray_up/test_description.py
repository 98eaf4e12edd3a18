"""What no cluster can be is refused before a file is written."""

from pathlib import Path

import pytest

from serve_app.cluster.edge.options import EdgeOptions, Tls
from serve_app.errors import InvalidInput
from serve_app.platforms.ray_up.description import Description
from serve_app.platforms.ray_up.places import OnPremises
from tests.unit.platforms.ray_up.clusters import IMAGE


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"image": IMAGE, "name": "Churn_1"}, "cannot name a cluster"),
        ({"image": IMAGE, "name": "a\nprovider: x"}, "cannot name a cluster"),
        ({}, "--image .* and --environment"),
        ({"image": IMAGE, "environment": "/opt/serve-app"}, "--image .* and --environment"),
        ({"image": "serve-app:latest"}, "by its digest"),
        ({"image": f"{IMAGE}\n"}, "by its digest"),
        ({"image": IMAGE, "min_workers": 3, "max_workers": 2}, "3 to 2 workers"),
        ({"image": IMAGE, "ssh_user": "root\nx: y"}, "--ssh-user must be one line"),
        ({"image": IMAGE, "token": ""}, "--token must be one line"),
        (
            {"image": IMAGE, "edge": EdgeOptions(tls=Tls(Path("a\nb"), Path("key.pem")))},
            "--certificate must be one line",
        ),
    ],
)
def test_it_is_said_what_is_wrong(given, words):
    with pytest.raises(InvalidInput, match=words):
        Description(**given)


@pytest.mark.parametrize(
    ("worker_ips", "words"),
    [(("10.0.0.2", "10.0.0.1"), "10.0.0.1 is given twice"), (("10.0.0.2\n",), "--worker-ips")],
)
def test_a_machine_is_one_node(worker_ips, words):
    with pytest.raises(InvalidInput, match=words):
        OnPremises("10.0.0.1", worker_ips)
