"""The descriptions that the committed files of `deployments/cluster` are written from."""

from pathlib import Path

from serve_app.platforms.ray_up.description import Description
from serve_app.platforms.ray_up.places import Aws, Azure, Gcp, OnPremises
from serve_app.platforms.ray_up.written import text

COMMITTED = Path("deployments/cluster")
IMAGE = f"registry.example.com/serve-app@sha256:{'0' * 64}"
KEY = "~/.ssh/serve-app.pem"

AWS = Aws(
    region="eu-central-1",
    zones=("eu-central-1a", "eu-central-1b"),
    image_id="ami-0123456789abcdef0",
    security_group="sg-0123456789abcdef0",
    subnets=("subnet-0123456789abcdef0", "subnet-0123456789abcdef1"),
    key_name="serve-app",
)
GCP = Gcp(
    project="my-project",
    region="europe-west3",
    zone="europe-west3-a",
    subnetwork="regions/europe-west3/subnetworks/serve-app",
    source_image="projects/deeplearning-platform-release/global/images/family/common-cpu",
)
AZURE = Azure(
    location="germanywestcentral",
    resource_group="serve-app",
    subscription="00000000-0000-0000-0000-000000000000",
)
ON_PREMISES = OnPremises("10.0.0.1", ("10.0.0.2", "10.0.0.3"))

FILES = {
    "aws": text(Description(image=IMAGE, ssh_key=KEY), AWS, "aws"),
    "gcp": text(Description(image=IMAGE), GCP, "gcp"),
    "azure": text(Description(image=IMAGE, ssh_key=KEY), AZURE, "azure"),
    "on-premises": text(
        Description(environment="/opt/serve-app", ssh_user="serve", ssh_key=KEY),
        ON_PREMISES,
        "local",
    ),
}
