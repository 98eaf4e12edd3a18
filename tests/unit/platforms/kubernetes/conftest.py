"""A RayService to spoil."""

import pytest
import yaml

from tests.unit.platforms.kubernetes.installations import PLAIN


def service(size):
    """The RayService of one of the committed files."""
    bodies = yaml.safe_load_all((PLAIN / f"{size}.yaml").read_text())
    return next(body for body in bodies if body["kind"] == "RayService")


@pytest.fixture
def production():
    """That for production."""
    return service("production")


@pytest.fixture
def small():
    """The small one."""
    return service("small")


@pytest.fixture
def spoiled(production):
    """What a rule says once one place holds something else; None takes the place away."""

    def spoil(rule, changes, body=production):
        for path, value in changes.items():
            *above, last = [int(part) if part.isdigit() else part for part in path.split("/")]
            place = body
            for part in above:
                place = place.setdefault(part, {}) if isinstance(place, dict) else place[part]
            if value is None:
                del place[last]
            else:
                place[last] = value
        return [f"{'/'.join(map(str, path))}: {message}" for path, message in rule(body)]

    return spoil
