"""The providers, and what each of them lends: machines that nobody reaches but the cluster.

None of them has an address that the internet knows. What lets clients in is a load balancer,
whose security group (network tag on GCP) is the only one that the machines' own lets through.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from serve_app.errors import InvalidInput
from serve_app.platforms.ray_up.description import Description, require_one_line

HEAD = "head"
WORKER = "worker"


def _two_types(cluster: Description, head: Any, worker: Any) -> dict[str, Any]:
    """Two node types, of a head and workers with these `resources` and `node_config`."""
    bounds = {"min_workers": cluster.min_workers, "max_workers": cluster.max_workers}
    return {HEAD: head, WORKER: {**bounds, **worker}}


@dataclass(frozen=True, slots=True)
class Aws:
    """Machines of Amazon EC2; groups, subnets and profiles are there already."""

    region: str
    zones: tuple[str, ...]
    image_id: str
    security_group: str
    subnets: tuple[str, ...]
    key_name: str
    head_profile: str = "serve-app-head"
    worker_profile: str = "serve-app-worker"
    machine: str = "m6i.xlarge"
    disk_gb: int = 60

    type = "aws"

    def __post_init__(self) -> None:
        """Refuse values of more than a line.

        Raises:
            InvalidInput: names it.
        """
        require_one_line(self)

    def provider(self) -> dict[str, Any]:
        """The region, and machines that are deleted rather than kept."""
        return {
            "region": self.region,
            "availability_zone": ",".join(self.zones),
            "use_internal_ips": True,
            "cache_stopped_nodes": False,
        }

    def auth(self) -> dict[str, Any]:
        """Nothing: the key's name stands in each node type."""
        return {}

    def node_types(self, cluster: Description) -> dict[str, Any]:
        """A head and workers that differ in what they may do to the account alone."""
        return _two_types(
            cluster,
            {"resources": {}, "node_config": self._machine(self.head_profile)},
            {"resources": {}, "node_config": self._machine(self.worker_profile)},
        )

    def head_needs(self) -> tuple[str, ...]:
        """Amazon's library."""
        return ("boto3",)

    def _machine(self, profile: str) -> dict[str, Any]:
        disk = {
            "VolumeSize": self.disk_gb,
            "VolumeType": "gp3",
            "Encrypted": True,
            "DeleteOnTermination": True,
        }
        return {
            "InstanceType": self.machine,
            "ImageId": self.image_id,
            "KeyName": self.key_name,
            "SubnetIds": list(self.subnets),
            # Without groups of its own, Ray makes one that lets the whole internet in by SSH.
            "SecurityGroupIds": [self.security_group],
            "IamInstanceProfile": {"Name": profile},
            # What a model's code can be tricked into asking for must not be the machine's keys.
            "MetadataOptions": {
                "HttpEndpoint": "enabled",
                "HttpTokens": "required",
                "HttpPutResponseHopLimit": 1,
            },
            "BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": disk}],
        }


@dataclass(frozen=True, slots=True)
class Gcp:
    """Machines of Google Compute Engine; the network and its rules are there already."""

    project: str
    region: str
    zone: str
    subnetwork: str
    source_image: str
    network_tag: str = "serve-app"
    worker_account: str | None = None
    machine: str = "n2-standard-4"
    cpus: int = 4
    disk_gb: int = 60

    type = "gcp"

    def __post_init__(self) -> None:
        """Refuse values of more than a line.

        Raises:
            InvalidInput: names it.
        """
        require_one_line(self)

    def provider(self) -> dict[str, Any]:
        """The project and zone, and machines that are deleted rather than kept."""
        return {
            "region": self.region,
            "availability_zone": self.zone,
            "project_id": self.project,
            "use_internal_ips": True,
            "cache_stopped_nodes": False,
        }

    def auth(self) -> dict[str, Any]:
        """Nothing: Ray puts its key into the project."""
        return {}

    def node_types(self, cluster: Description) -> dict[str, Any]:
        """A head, which Ray gives the account that starts machines, and workers."""
        account = {
            "email": self.worker_account,
            "scopes": ["https://www.googleapis.com/auth/devstorage.read_only"],
        }
        accounts = {} if self.worker_account is None else {"serviceAccounts": [account]}
        resources = {"CPU": self.cpus}
        return _two_types(
            cluster,
            {"resources": resources, "node_config": self._machine()},
            {"resources": dict(resources), "node_config": {**self._machine(), **accounts}},
        )

    def head_needs(self) -> tuple[str, ...]:
        """Google's library."""
        return ("googleapiclient",)

    def _machine(self) -> dict[str, Any]:
        disk = {"diskSizeGb": self.disk_gb, "sourceImage": self.source_image}
        return {
            "machineType": self.machine,
            "disks": [
                {"boot": True, "autoDelete": True, "type": "PERSISTENT", "initializeParams": disk}
            ],
            # No accessConfigs: the machine has no address outside of the network.
            "networkInterfaces": [{"subnetwork": self.subnetwork}],
            "tags": {"items": [self.network_tag]},
            "shieldedInstanceConfig": {
                "enableSecureBoot": True,
                "enableVtpm": True,
                "enableIntegrityMonitoring": True,
            },
        }


@dataclass(frozen=True, slots=True)
class Azure:
    """Machines of Azure, in a resource group that is there already."""

    location: str
    resource_group: str
    subscription: str
    machine: str = "Standard_D4s_v5"
    cpus: int = 4
    machine_image: tuple[str, str, str, str] = (
        "microsoft-dsvm",
        "ubuntu-2204",
        "2204-gen2",
        "latest",
    )
    disk_gb: int = 60

    type = "azure"

    def __post_init__(self) -> None:
        """Refuse values of more than a line.

        Raises:
            InvalidInput: names it.
        """
        require_one_line(self)

    def provider(self) -> dict[str, Any]:
        """The resource group, and machines that are deleted rather than kept."""
        return {
            "location": self.location,
            "resource_group": self.resource_group,
            "subscription_id": self.subscription,
            "use_internal_ips": True,
            "cache_stopped_nodes": False,
        }

    def auth(self) -> dict[str, Any]:
        """Nothing: Ray makes the public key from the private one."""
        return {}

    def node_types(self, cluster: Description) -> dict[str, Any]:
        """A head and workers of one kind."""
        resources = {"CPU": self.cpus}
        return _two_types(
            cluster,
            {"resources": resources, "node_config": {"azure_arm_parameters": self._machine()}},
            {
                "resources": dict(resources),
                "node_config": {"azure_arm_parameters": self._machine()},
            },
        )

    def head_needs(self) -> tuple[str, ...]:
        """Azure's libraries."""
        return ("azure.identity", "azure.mgmt.compute", "azure.mgmt.network", "azure.mgmt.resource")

    def _machine(self) -> dict[str, Any]:
        publisher, offer, sku, version = self.machine_image
        return {
            "vmSize": self.machine,
            "imagePublisher": publisher,
            "imageOffer": offer,
            "imageSku": sku,
            "imageVersion": version,
            "osDiskSize": self.disk_gb,
            "enableAcceleratedNetworking": True,
        }


@dataclass(frozen=True, slots=True)
class OnPremises:
    """Machines that are there, by their addresses, and stay."""

    head_ip: str
    worker_ips: tuple[str, ...]

    type = "local"

    def __post_init__(self) -> None:
        """Refuse addresses that stand twice, and values of more than a line.

        Raises:
            InvalidInput: names it.
        """
        require_one_line(self)
        addresses = (self.head_ip, *self.worker_ips)
        twice = sorted({one for one in addresses if addresses.count(one) > 1})
        if twice:
            raise InvalidInput(f"{twice[0]} is given twice; a machine is one node")

    def provider(self) -> dict[str, Any]:
        """The machines."""
        return {"head_ip": self.head_ip, "worker_ips": list(self.worker_ips)}

    def auth(self) -> dict[str, Any]:
        """Nothing beside the user and the key."""
        return {}

    def node_types(self, cluster: Description) -> dict[str, Any]:  # noqa: ARG002
        """None: Ray makes one of all machines, and refuses others."""
        return {}

    def head_needs(self) -> tuple[str, ...]:
        """Nothing: it reaches the others by SSH."""
        return ()
