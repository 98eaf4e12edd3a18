"""What Ray reads in the section `provider`, by provider; its schema lets everything through.

Found in Ray 2.60, below `ray/autoscaler/_private`: `aws/config.py`, `aws/node_provider.py` and
`aws/cloudwatch/`; `gcp/config.py` and `gcp/node_provider.py`; `_azure/config.py` and
`_azure/node_provider.py`; `local/config.py` and `local/node_provider.py`; `providers.py`,
`commands.py`, `updater.py` and `autoscaler.py` for all of them. A test looks the installed Ray
through for others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_OF_ALL = frozenset(
    (
        "type",
        "use_internal_ips",
        "disable_node_updaters",
        "disable_launch_config_check",
        "foreground_node_launch",
        "worker_liveness_check",
    )
)


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys that a provider reads, and those that it fails without."""

    known: frozenset[str]
    needed: tuple[str, ...]

    @property
    def schema(self) -> dict[str, Any]:
        """A JSON Schema of the section, which lets nothing else through."""
        return {
            "type": "object",
            "additionalProperties": False,
            "required": list(self.needed),
            "properties": {key: {} for key in sorted(self.known | _OF_ALL)},
        }


BY_PROVIDER: Mapping[str, Keys] = {
    "aws": Keys(
        frozenset(
            (
                "region",
                "availability_zone",
                "cache_stopped_nodes",
                "key_pair",
                "security_group",
                "aws_credentials",
                "cloudwatch",
            )
        ),
        ("region",),
    ),
    "gcp": Keys(
        frozenset(
            ("region", "availability_zone", "project_id", "cache_stopped_nodes", "gcp_credentials")
        ),
        ("region", "availability_zone", "project_id"),
    ),
    "azure": Keys(
        frozenset(
            (
                "location",
                "resource_group",
                "subscription_id",
                "tags",
                "unique_id",
                "subnet_mask",
                "availability_zone",
                "cache_stopped_nodes",
                "use_external_head_ip",
                "msi_name",
                "msi_resource_group",
            )
        ),
        ("location", "resource_group"),
    ),
    "local": Keys(
        frozenset(("head_ip", "worker_ips", "external_head_ip", "coordinator_address")), ()
    ),
}
