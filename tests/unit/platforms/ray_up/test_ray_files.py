"""Ray's files are read where it is installed, and it is said where it is not."""

import sys

import pytest

from serve_app.errors import NotReady
from serve_app.platforms.ray_up import ray_files


def test_the_schema_is_the_installed_rays():
    assert ray_files.ray_json(ray_files.SCHEMA)["title"] == "Ray AutoScaler"
    assert ray_files.ray_version() == "2.60.0"
    assert "ray" not in vars(sys.modules[ray_files.__name__])


@pytest.mark.parametrize(("name", "words"), [("ray", "Ray's file"), ("no_such_thing", "not inst")])
def test_what_is_missing_is_said(name, words, monkeypatch):
    found = ray_files.package_folder(name)
    monkeypatch.setattr(ray_files, "package_folder", lambda _: found)
    with pytest.raises(NotReady, match=words):
        ray_files.ray_json("no/such.json")
