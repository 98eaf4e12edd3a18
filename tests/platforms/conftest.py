"""The three images, built once for each module that starts them."""

import pytest

from benchmarks import image_builds
from serve_app.platforms.images.targets import TARGETS


@pytest.fixture(scope="module")
def folder():
    image_builds.base()
    return image_builds.context()


@pytest.fixture(scope="module", params=TARGETS, ids=lambda one: one.name)
def target(request):
    return request.param


@pytest.fixture(scope="module")
def image(folder, target):
    return image_builds.build(target.name, folder)


@pytest.fixture(scope="module")
def root(image):
    with image_builds.unpacked(image) as path:
        yield path
