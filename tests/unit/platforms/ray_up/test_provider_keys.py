"""The keys that are known are those that the installed Ray reads."""

import re

import pytest

from serve_app.platforms.ray_up.provider_keys import BY_PROVIDER
from serve_app.platforms.ray_up.ray_files import package_folder

FOLDERS = {"aws": "aws", "gcp": "gcp", "azure": "_azure", "local": "local"}
READ = re.compile(
    r"""(?:provider_config|\["provider"\]|\.get\("provider", \{\}\))(?:\[|\.get\(\s*)"(\w+)\""""
)
BY_RAY = {"azure": {"msi", "nsg", "subnet", "_config_cache_path"}, "local": {"list_of_node_ips"}}
"""Written by Ray itself while it makes the cluster, or by its server of machines."""


@pytest.mark.parametrize("provider", FOLDERS)
def test_every_key_that_ray_reads_is_known(provider):
    folder = package_folder("ray") / "autoscaler" / "_private" / FOLDERS[provider]
    read = {
        key for path in folder.rglob("*.py") for key in READ.findall(path.read_text())
    } - BY_RAY.get(provider, set())
    assert len(read) > 1
    assert read <= set(BY_PROVIDER[provider].schema["properties"])
    assert set(BY_PROVIDER[provider].needed) <= read
