"""Files that strangers name are below the roots, or are not looked at."""

import pytest

from serve_app.engine.batch.roots import Roots
from serve_app.errors import Forbidden, InvalidInput, TooLarge


@pytest.fixture
def home(tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "rows.csv").write_text("a\n1\n")
    (tmp_path / "in" / "deep" / "more.csv").write_text("a\n1\n")
    (tmp_path / "in-other").mkdir()
    (tmp_path / "in-other" / "secret.csv").write_text("a\n1\n")
    (tmp_path / "secret.csv").write_text("a\n1\n")
    return tmp_path


@pytest.fixture
def roots(home):
    return Roots([str(home / "in"), "s3://bucket/rows"], str(home / "out"), 1_000)


def names(roots, *given):
    return [one.path.rpartition("/")[2] for one in roots.places(given)]


def test_files_folders_and_patterns_below_a_root_are_read(roots, home):
    assert names(roots, "rows.csv") == ["rows.csv"]
    assert names(roots, str(home / "in")) == ["more.csv", "rows.csv"]
    assert names(roots, "deep/*.csv", "rows.csv") == ["more.csv", "rows.csv"]


@pytest.mark.parametrize(
    "given",
    [
        "../secret.csv",
        "deep/../../secret.csv",
        "../*.csv",
        "/etc/passwd",
        "file:///etc/passwd",
        "../in-other/secret.csv",
        "http://169.254.169.254/latest/meta-data.csv",
        "s3://other/rows/a.csv",
        "s3://bucket/rows-other/a.csv",
        "s3://bucket/rows/../x.csv",
        "s3://bucket/rows/%2e%2e/x.csv",
        "simplecache::file:///etc/passwd",
        "zip://a.csv::file:///etc/passwd",
        "rows.csv\0.parquet",
    ],
)
def test_what_is_elsewhere_is_refused_before_it_is_looked_for(roots, given):
    with pytest.raises(Forbidden, match="may not be read; input has to be below"):
        roots.places([given])


def test_links_out_of_a_root_are_refused(roots, home):
    (home / "in" / "link.csv").symlink_to(home / "secret.csv")
    with pytest.raises(Forbidden):
        roots.places(["link.csv"])
    # A pattern takes no links at all.
    assert names(roots, "*.csv") == ["rows.csv"]
    (home / "in" / "link.csv").unlink()
    (home / "in" / "folder").symlink_to(home / "in-other")
    with pytest.raises(Forbidden):
        roots.places(["folder/secret.csv"])


def test_a_link_within_a_root_is_read(roots, home):
    (home / "in" / "same.csv").symlink_to(home / "in" / "rows.csv")
    assert names(roots, "same.csv") == ["same.csv"]


def test_more_than_a_request_may_have_read_is_refused(roots, home):
    (home / "in" / "large.csv").write_text("a\n" + "1\n" * 600)
    with pytest.raises(TooLarge, match="use serve-app jobs submit"):
        roots.places(["large.csv"])


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "/etc", "-x", "a" * 101, "ä", "a\n"]
)
def test_an_output_is_a_plain_name(roots, name):
    with pytest.raises(InvalidInput, match="'output' must be the name of a folder"):
        roots.output(name)


def test_an_output_stands_below_its_root(roots, home):
    assert roots.output("may-2026.v1") == str(home / "out" / "may-2026.v1")


def test_an_output_may_be_in_a_storage_below_a_root(home, bucket):
    roots = Roots([str(home)], f"{bucket}/out/", 1_000, ["s3://answers", str(home / "more")])
    assert roots.output("may") == f"{bucket}/out/may"
    assert roots.output(f"{bucket}/out/may/") == f"{bucket}/out/may"
    assert roots.output("s3://answers/may") == "s3://answers/may"


@pytest.mark.parametrize(
    "given",
    [
        "s3://other/may",
        "s3://bucket/outside",
        "s3://bucket/out/../may",
        "s3://bucket/out/%2e%2e/may",
        "s3://bucket/out/may\0",
        "s3://bucket/out/may::file:///etc",
        "simplecache::s3://bucket/out/may",
        "gs://bucket/out/may",
        "file:///etc/cron.d",
    ],
)
def test_an_output_in_another_storage_is_refused(home, given):
    roots = Roots([str(home)], "s3://bucket/out", 1_000)
    with pytest.raises(Forbidden, match="output has to be below s3://bucket/out"):
        roots.output(given)


@pytest.mark.parametrize(
    ("given", "why"),
    [("s3://bucket/out", "name a folder below it"), ("gs://answers/may", "speaks S3")],
)
def test_an_output_that_no_job_can_have_is_refused(home, given, why):
    roots = Roots([str(home)], "s3://bucket/out", 1_000, ["gs://answers"])
    with pytest.raises(InvalidInput, match=why):
        roots.output(given)
