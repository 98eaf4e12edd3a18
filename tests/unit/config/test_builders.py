"""Which builder an import path names, in each form that Ray reads."""

import pytest

from serve_app.config.builders import builder_of


@pytest.mark.parametrize(
    ("application", "builder"),
    [
        ({"import_path": "serve_app.app:gateway"}, "gateway"),
        ({"import_path": "serve_app.app.gateway"}, "gateway"),
        ({"import_path": "serve_app.app:model"}, "model"),
        ({"import_path": "mine:gateway"}, ""),
        ({"import_path": "gateway"}, ""),
        ({"import_path": None}, ""),
        ({}, ""),
    ],
)
def test_an_import_path_names_one_of_our_builders(application, builder):
    assert builder_of(application) == builder
