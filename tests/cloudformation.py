"""CloudFormation's YAML, as SAM's templates are written in."""

import yaml


class CloudFormation(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, of which the text is kept."""


CloudFormation.add_multi_constructor("!", lambda loader, _, node: loader.construct_scalar(node))
