"""Wheels as the packaging specifications describe them."""

import base64
import csv
import hashlib
import io
import zipfile

import pytest
from packaging.metadata import Metadata
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

from serve_app.errors import InvalidInput
from serve_app.export.wheel_file import (
    Distribution,
    check_version,
    distribution_name,
    package_name,
    wheel_bytes,
)

FILES = {"churn_1/__init__.py": b"x = 1\n", "churn_1/data/a,b.bin": bytes(300)}


def made(**changed):
    fields = {"name": "churn-1", "version": "1.0.0", "summary": "churn@1", "python": ">=3.11"}
    return Distribution(**{**fields, "needs": ("numpy>=2.0",), "generator": "serve-app", **changed})


def archive(distribution):
    return zipfile.ZipFile(io.BytesIO(wheel_bytes(distribution, FILES)))


def test_the_same_files_give_the_same_bytes():
    turned = dict(reversed(FILES.items()))
    assert wheel_bytes(made(), FILES) == wheel_bytes(made(), turned)


def test_the_record_lists_every_file_with_its_digest():
    wheel = archive(made())
    rows = list(csv.reader(io.StringIO(wheel.read("churn_1-1.0.0.dist-info/RECORD").decode())))
    assert {row[0] for row in rows} == set(wheel.namelist())
    for path, digest, size in rows:
        if path.endswith("/RECORD"):
            assert (digest, size) == ("", "")
            continue
        content = wheel.read(path)
        plain = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        assert (digest, size) == (f"sha256={plain}", str(len(content)))


def test_the_metadata_is_read_by_packaging():
    content = archive(made()).read("churn_1-1.0.0.dist-info/METADATA")
    read = Metadata.from_email(content, validate=True)
    assert (read.name, str(read.version), str(read.requires_python)) == (
        "churn-1",
        "1.0.0",
        ">=3.11",
    )
    assert [str(need) for need in read.requires_dist] == ["numpy>=2.0"]


def test_a_summary_of_several_lines_adds_no_header():
    content = archive(made(summary="a\nRequires-Dist: evil\r\nb")).read(
        "churn_1-1.0.0.dist-info/METADATA"
    )
    read = Metadata.from_email(content, validate=True)
    assert [str(need) for need in read.requires_dist] == ["numpy>=2.0"]
    assert read.summary == "a Requires-Dist: evil b"


@pytest.mark.parametrize(
    ("model", "number", "name", "package"),
    [
        ("churn", 1, "churn-1", "churn_1"),
        ("diagnosis-xgb", 12, "diagnosis-xgb-12", "diagnosis_xgb_12"),
        ("a__b-", 3, "a-b-3", "a_b_3"),
        ("2nd", 1, "model-2nd-1", "model_2nd_1"),
    ],
)
def test_names_are_normalised_and_can_be_imported(model, number, name, package):
    distribution = distribution_name(model, number)
    assert (distribution, package_name(distribution)) == (name, package)
    assert canonicalize_name(distribution) == distribution
    assert package.isidentifier()
    parsed = parse_wheel_filename(made(name=distribution, version="2.1rc1").file_name)
    assert parsed[:2] == (name, Version("2.1rc1"))


@pytest.mark.parametrize("version", ["1", "1.0.0", "0.9", "2.0.0rc1", "1.2.3.4", "1.0.post2"])
def test_versions_that_pass_are_normalised_already(version):
    assert str(Version(check_version(version))) == version


@pytest.mark.parametrize("version", ["", "v1", "1.0-1", "1.0\n", "01.0", "../1", "1.0+x", "a"])
def test_other_versions_are_refused(version):
    with pytest.raises(InvalidInput, match="write one like"):
        check_version(version)
