"""What a pod does before Kubernetes ends it: it hands its replicas over to other nodes.

Run in the container, whose processes are all of one node: `python3 -m …leaving --timeout-s=65`.
Whatever goes wrong, it ends without an error, since the pod is ended anyway.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence

import psutil

from serve_app.cluster.draining import Patience, hand_over

ADDRESS_VARIABLE = "RAY_ADDRESS"
"""The head's address, host:port, which the operator sets."""


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Return once this node holds no replica, or cannot hand them over; says why on stderr."""
    parser = argparse.ArgumentParser(description="Hand the replicas of this pod over.")
    parser.add_argument("--timeout-s", type=float, required=True)
    timeout_s = parser.parse_args(arguments).timeout_s
    address = environment.get(ADDRESS_VARIABLE, "")
    refusal = hand_over(psutil.process_iter, address, environment, Patience(timeout_s, _tell))
    if refusal is not None:
        _tell(refusal)
    return 0


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
