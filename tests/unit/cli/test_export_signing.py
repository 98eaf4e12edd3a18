"""`serve-app export sign` and `verify`, against OpenSSL as the other side."""

import json
import shutil
import subprocess

import pytest

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


@pytest.fixture
def signing(serve_app, tmp_path, monkeypatch):
    """Two files, a key, and the command."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.whl").write_bytes(b"wheel\x00")
    (tmp_path / "b.json").write_text("{}")
    assert serve_app("export", "key", "release.pem").code == 0
    return lambda *words: serve_app("export", *words)


def test_what_is_signed_is_verified(signing):
    done = signing("sign", "a.whl", "b.json", "--key", "release.pem")
    assert (done.code, done.out.split()) == (0, ["a.whl.sig", "b.json.sig"])
    done = signing("verify", "a.whl", "b.json", "--key", "release.pub.pem")
    assert done.code == 0, done.err


def test_programs_are_answered_as_json(signing):
    done = signing("sign", "a.whl", "--key", "release.pem", "--json")
    assert json.loads(done.out) == {"signatures": ["a.whl.sig"]}
    done = signing("verify", "a.whl", "--key", "release.pub.pem", "--json")
    assert json.loads(done.out) == {"verified": ["a.whl"]}


@pytest.mark.parametrize("name", ["a.whl", "a.whl.sig"])
def test_an_altered_byte_is_refused_wherever_it_is(signing, tmp_path, name):
    signing("sign", "a.whl", "--key", "release.pem")
    content = bytearray((tmp_path / name).read_bytes())
    content[-1] ^= 1
    (tmp_path / name).write_bytes(content)
    done = signing("verify", "a.whl", "--key", "release.pub.pem")
    assert done.code != 0
    assert "a.whl is not what was signed" in done.err


def test_a_signature_of_another_length_is_refused(signing, tmp_path):
    (tmp_path / "a.whl.sig").write_bytes(b"short")
    done = signing("verify", "a.whl", "--key", "release.pub.pem")
    assert "is not what was signed" in done.err


def test_another_key_did_not_sign_it(signing):
    signing("sign", "a.whl", "--key", "release.pem")
    signing("key", "other.pem")
    done = signing("verify", "a.whl", "--key", "other.pub.pem")
    assert "is not what was signed with this key" in done.err


def test_a_signature_that_is_not_there_is_said(signing):
    done = signing("verify", "b.json", "--key", "release.pub.pem")
    assert done.code != 0
    assert "b.json.sig cannot be read" in done.err


def test_signatures_are_overwritten_when_somebody_says_so(signing):
    line = ["sign", "a.whl", "--key", "release.pem"]
    assert signing(*line).code == 0
    done = signing(*line)
    assert done.code != 0
    assert "is there already" in done.err
    assert signing(*line, "--force").code == 0


@pytest.mark.parametrize(("command", "key"), [("sign", "pub.pem"), ("verify", "pem")])
def test_the_wrong_half_of_a_key_is_refused(signing, command, key):
    done = signing(command, "a.whl", "--key", f"release.{key}")
    assert done.code != 0
    assert "key" in done.err


@needs_openssl
def test_openssl_verifies_what_we_sign(signing, tmp_path):
    signing("sign", "a.whl", "--key", "release.pem")
    words = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "release.pub.pem", "-rawin"]
    line = [*words, "-in", "a.whl", "-sigfile", "a.whl.sig"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "Signature Verified Successfully")


@needs_openssl
def test_we_verify_what_openssl_signs(signing, tmp_path):
    words = ["openssl", "pkeyutl", "-sign", "-inkey", "release.pem", "-rawin"]
    line = [*words, "-in", "a.whl", "-out", "a.whl.sig"]
    subprocess.run(line, cwd=tmp_path, capture_output=True, check=True)
    assert signing("verify", "a.whl", "--key", "release.pub.pem").code == 0
