"""What Ray itself says of the files that are written for `ray up`."""

import re

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from tests.unit.platforms.ray_up.clusters import COMMITTED, FILES


@pytest.mark.parametrize("name", FILES)
def test_ray_takes_the_committed_file(name):
    prepared = prepare_config(yaml.safe_load((COMMITTED / f"{name}.yaml").read_text()))
    validate_config(prepared)
    # Nothing that Ray would fill in by itself runs on a machine.
    commands = [
        line for key, lines in prepared.items() if key.endswith("commands") for line in lines
    ]
    assert commands
    # `ray start` is named in an echo: Ray warns of commands without it.
    filled_in = re.compile(r"pip install|(^|&&|;)\s*ray start")
    assert not [line for line in commands if filled_in.search(line)]


@pytest.mark.parametrize("name", ["aws", "gcp", "azure"])
def test_ray_lets_a_misspelt_key_of_the_provider_pass_which_is_why_we_look(name):
    body = yaml.safe_load(FILES[name])
    body["provider"]["use_internal_ip"] = body["provider"].pop("use_internal_ips")
    validate_config(prepare_config(body))
