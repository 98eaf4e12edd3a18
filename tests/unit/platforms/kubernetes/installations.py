"""The installations that the committed files of `deployments/` are written from."""

from pathlib import Path

from serve_app.platforms.kubernetes.installation import Installation

PLAIN = Path("deployments/kuberay")
CHART = Path("deployments/helm/serve-app")
IMAGE = f"registry.example.com/serve-app@sha256:{'0' * 64}"
CONFIGS = {"local": "inline", "small": "split", "production": "production"}


def installation(size="small", **other):
    """One of the committed ones, or one that differs."""
    text = Path(f"configs/{CONFIGS[size]}.yaml").read_text()
    return Installation(**{"image": IMAGE, "config": text, "ray_version": "2.60.0",
                           "size": size, **other})  # fmt: skip


INSTALLATIONS = {size: installation(size) for size in CONFIGS}
