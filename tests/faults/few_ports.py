"""Asks HAProxy and an application behind it; prints what became of that, as JSON.

It runs where there are few ports for connections: `tests/faults/test_few_ports.py`.
"""

import asyncio
import json
import sys
from pathlib import Path

import psutil

from benchmarks.load import build_request, run_open
from serve_app.cluster.edge.options import EdgeOptions
from tests.security.edges import guarded

RATE_PER_S = 200.0
CONNECTIONS = 32
FOR_S = 10.0


def main(home):
    # In the end whoever has this folder in its command line is ended, and that is not this one.
    folder = Path(home) / "edge"
    folder.mkdir()
    request = build_request("GET", "/", {"host": "127.0.0.1"})
    with guarded(folder, EdgeOptions()) as edge:
        report = asyncio.run(
            run_open(
                "127.0.0.1", edge.http, [request], rate_per_s=RATE_PER_S, duration_s=FOR_S,
                connections=CONNECTIONS,
            )
        )  # fmt: skip
        # Both ends of each are on this machine.
        taken = [one for one in psutil.net_connections("tcp") if one.raddr]
        print(
            json.dumps(
                {
                    "sent": report.sent, "failed": report.failed, "bodies": report.bodies,
                    "connections": len(taken) // 2, "answered": len(edge.echo.paths),
                }
            )
        )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1])
