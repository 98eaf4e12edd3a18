"""boto3's client of EC2, in the environment of the clients: what `ray up` needs beforehand."""

from pathlib import Path

import boto3
from answering import answer_calls

_REGION = "eu-central-1"


def _client(place, service):
    return boto3.client(
        service,
        endpoint_url=f"http://{place}",
        region_name=_REGION,
        aws_access_key_id="nobody",
        aws_secret_access_key="nothing",  # the server does not look at it
    )


def prepare(place, key):
    """A network, a group, profiles and a key as people have them; gives their names."""
    client, roles = _client(place, "ec2"), _client(place, "iam")
    network = client.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        client.create_subnet(
            VpcId=network, CidrBlock=f"10.1.{number}.0/24", AvailabilityZone=f"{_REGION}{zone}"
        )["Subnet"]["SubnetId"]
        for number, zone in enumerate("ab")
    ]
    group = client.create_security_group(GroupName="machines", Description="x", VpcId=network)
    Path(key).write_text(client.create_key_pair(KeyName="serve-app")["KeyMaterial"])
    Path(key).chmod(0o600)
    for name in ("serve-app-head", "serve-app-worker"):
        roles.create_instance_profile(InstanceProfileName=name)
    return {
        "subnets": subnets,
        "security_group": group["GroupId"],
        "image_id": client.describe_images()["Images"][0]["ImageId"],
    }


def standing(place):
    """What there is: machines, security groups by name, roles."""
    client, roles = _client(place, "ec2"), _client(place, "iam")
    reservations = client.describe_instances()["Reservations"]
    shown = ("InstanceType", "KeyName", "SubnetId", "SecurityGroups", "MetadataOptions", "Tags")
    return {
        "machines": [
            {name: one.get(name) for name in (*shown, "PublicIpAddress")}
            | {"profile": one["IamInstanceProfile"]["Arn"]}
            for reservation in reservations
            for one in reservation["Instances"]
        ],
        "groups": sorted(
            one["GroupName"] for one in client.describe_security_groups()["SecurityGroups"]
        ),
        "roles": [one["RoleName"] for one in roles.list_roles()["Roles"]],
    }


if __name__ == "__main__":
    answer_calls({"prepare": prepare, "standing": standing})
