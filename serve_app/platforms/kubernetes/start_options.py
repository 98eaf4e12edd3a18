"""The options of `ray start`, which the operator writes as they stand in `rayStartParams`."""

START_OPTIONS = frozenset((
    "address", "autoscaling-config", "block", "cgroup-path", "dashboard-agent-grpc-port",
    "dashboard-agent-listen-port", "dashboard-host", "dashboard-port", "disable-usage-stats",
    "enable-object-reconstruction", "enable-resource-isolation", "head", "include-dashboard",
    "include-log-monitor", "labels", "labels-file", "max-worker-port", "memory",
    "metrics-export-port", "min-worker-port", "no-monitor", "no-redirect-output",
    "node-ip-address", "node-manager-port", "node-name", "num-cpus", "num-gpus",
    "object-manager-port", "object-spilling-directory", "object-store-memory",
    "plasma-directory", "port", "proxy-server-url", "ray-client-server-port",
    "ray-debugger-external", "redis-password", "redis-shard-ports", "redis-username",
    "resources", "runtime-env-agent-port", "system-config", "system-reserved-cpu",
    "system-reserved-memory", "temp-dir", "tracing-startup-hook", "worker-port-list",
))  # fmt: skip
"""Without their hyphens, as of Ray 2.60. A pod with another one ends as soon as it starts."""
