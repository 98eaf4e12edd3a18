"""Mistakes that people make in files for `ray up` are found, by line, with what was meant."""

import pytest

from serve_app.platforms.ray_up import aws_model
from serve_app.platforms.ray_up.checks import findings, recognised
from tests.unit.platforms.ray_up.clusters import COMMITTED, FILES, IMAGE


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_wrong_with_what_is_committed(name):
    assert findings((COMMITTED / f"{name}.yaml").read_text()) == []


PLANTED = {
    "a key of the first level": (
        "aws", "idle_timeout_minutes:", "idle_timeout_minute:", "'idle_timeout_minutes'"),
    "a key of the provider": ("aws", "use_internal_ips: true", "use_internal_ip: true",
                              "'use_internal_ips'"),
    "a key of the container": ("gcp", "pull_before_run:", "pull_before_runs:", "'pull_before_run'"),
    "a key of the login": ("azure", "  ssh_user:", "  ssh_usr:", "'ssh_user'"),
    "a parameter of EC2": ("aws", "InstanceType: m6i", "Instancetype: m6i", "'InstanceType'"),
    "a parameter deep in EC2": ("aws", "VolumeSize: 60", "VolumSize: 60", "'VolumeSize'"),
    "a value of EC2": ("aws", "HttpTokens: required", "HttpTokens: require", "not one of"),
    "a number in text": ("aws", "VolumeSize: 60", "VolumeSize: sixty", "not of type 'integer'"),
    "a field of Compute Engine": ("gcp", "machineType:", "machine_type:", "'machineType'"),
    "a field deep in it": ("gcp", "subnetwork:", "subNetworks:", "'subnetwork'"),
    "a list where one is wanted": ("gcp", "tags:", "scheduling: [{preemptible: true}]\n      tags:",
                                   "not of type 'object'"),
    "a parameter of Azure": ("azure", "vmSize:", "vm_size:", "'vmSize'"),
    "what Ray sets itself": ("azure", "osDiskSize: 60", "vmCount: 3", "no key 'vmCount'"),
    "a place that is missing": ("azure", "  location: germanywestcentral\n", "",
                                "lacks 'location'"),
    "a project that is missing": ("gcp", "  project_id: my-project\n", "", "lacks 'project_id'"),
    "another provider": ("gcp", "type: gcp", "type: gpc", "Did you mean 'gcp'?"),
    "a moving tag": ("gcp", IMAGE, "serve-app:latest", "by its digest"),
    "a key that stands twice": ("aws", "max_workers: 8\nup", "max_workers: 8\nmax_workers: 9\nup",
                                "stands twice, first in line"),
    "the kind of provider": ("azure", "  type: azure", "  typ: azure", "Did you mean 'type'?"),
    "a resource of machines": ("azure", "      CPU: 4", "      CPUs: 4", "Did you mean 'CPU'?"),
    "a token that is not brought": (
        "gcp", "--auth-token ray-token\nw", "--auth-token raytoken\nw",
        "brings no ~/serve-app/raytoken. Did you mean '~/serve-app/ray-token'?"),
    "an option that there is not": ("on-premises", "--drain-s 30 --auth-token ray-token --end",
                                    "--drain 30 --auth-token ray-token --end",
                                    "no option --drain. Did you mean '--drain-s'"),
    "a head of another name": ("aws", "head_node_type: head", "head_node_type: master",
                               "none of available_node_types: head, worker"),
    "fewer than wanted": ("azure", "max_workers: 8\nupscaling", "max_workers: 1\nupscaling",
                          "add up to 2"),
    "a machine twice": ("on-premises", "10.0.0.3", "10.0.0.2", "listed twice"),
    "a line break in a name": ("on-premises", "cluster_name: serve-app",
                               'cluster_name: "a\\nb"', "line break"),
    "a key of AWS": ("aws", "InstanceType: m6i.xlarge", "InstanceType: AKIAIOSFODNN7EXAMPLE",
                     "an access key of AWS"),
    "two ports": ("gcp", "--node-ip auto --http-port 8000 --drain-s 30 --auth-token ray-token\nw",
                  "--node-ip auto --http-port 8001 --drain-s 30 --auth-token ray-token\nw",
                  "--http-port is 8000 here and 8001 on the head"),
    "no token": ("azure", " --auth-token ray-token", "", "--auth-token"),
    "another Ray": ("on-premises", "head_setup_commands: []",
                    "head_setup_commands: ['pip install ray==2.9.0']", "installs Ray 2.9.0"),
}  # fmt: skip


STANDS = {
    "a list where one is wanted": "scheduling:",
    "a key that stands twice": "max_workers: 9",
    "a moving tag": "image: serve-app:latest",
    "two ports": "cluster join",
    "no token": "cluster start",
    "a line break in a name": "cluster_name:",
}
"""On which line, where it is not the changed one."""


@pytest.mark.parametrize("mistake", PLANTED)
def test_a_planted_mistake_is_found_where_it_stands(mistake):
    name, right, wrong, words = PLANTED[mistake]
    assert right in FILES[name]
    lines = FILES[name].replace(right, wrong, 1).splitlines()
    told = findings("\n".join(lines))
    where = STANDS.get(mistake, wrong.splitlines()[0] if wrong else "provider:")
    assert [one for one in told if words in one.message and where in lines[one.line - 1]], told


def test_a_file_that_cannot_be_read_is_said_by_line():
    (one,) = findings("cluster_name: a\nprovider: {type: aws\n")
    assert one.line == 3
    assert "no YAML" in one.message


@pytest.mark.parametrize("text", ["", "[1, 2]", "cluster_name: a\n---\ncluster_name: b\n"])
def test_what_is_no_cluster_is_said(text):
    (one,) = findings(text)
    assert "one mapping" in one.message


def test_a_cloud_whose_library_is_missing_is_said_and_not_passed_over(monkeypatch):
    monkeypatch.setattr(aws_model, "package_folder", lambda _: None)
    aws_model.node_config_schema.cache_clear()
    (one,) = findings(FILES["aws"])
    assert "pip install boto3" in one.message
    assert findings(FILES["aws"], without_libraries=True) == []


def test_files_of_other_systems_are_not_taken_for_one():
    assert recognised({"cluster_name": "a"})
    assert not recognised({"apiVersion": "ray.io/v1", "kind": "RayService"})
    assert not recognised([1])
