"""Folders that are signed here and verified by OpenSSF's library, and the other way round."""

import base64
import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from sklearn.linear_model import LogisticRegression

from serve_app.cli.main import main
from serve_app.engine.registration.candidate import Candidate
from serve_app.engine.registration.register import register
from serve_app.registry.store import Registry
from tests.clients import foreign

CURVES = [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    log = tmp_path_factory.mktemp("library") / "stderr"
    with foreign.running("model_signatures.py", log) as call:
        yield call


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    rows = pd.DataFrame({"age": np.arange(30.0), "visits": np.arange(30.0)[::-1]})
    fitted = LogisticRegression().fit(rows, rows["age"] > 15)
    store = Registry(str(tmp_path_factory.mktemp("home") / "registry"), user="ada")
    register(store, Candidate("churn", fitted, rows, evaluate=False), compile="never")
    return store.url


def write_pair(folder, key, name="oms"):
    private, public = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    encoding = serialization.Encoding.PEM
    private.write_bytes(
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(key.public_key().public_bytes(encoding, kind))
    return private, public


@pytest.fixture
def serve_app(capsys):
    def run(*arguments):
        with pytest.raises(SystemExit) as caught:
            main([str(one) for one in arguments])
        printed = capsys.readouterr()
        return caught.value.code or 0, printed.out, printed.err

    return run


@pytest.fixture
def exported(registry, tmp_path, serve_app):
    """A folder that was signed here, and its public key."""
    private, public = write_pair(tmp_path, ec.generate_private_key(CURVES[0]))
    folder = tmp_path / "churn-1"
    done = serve_app(
        "export", "oms", "churn@1", "--key", private, "--out", folder, "--registry", registry
    )
    assert done[0] == 0, done
    return folder, public


@pytest.fixture
def foreign_folder(tmp_path, library):
    """A folder that the library signed, and its public key."""
    private, public = write_pair(tmp_path, ec.generate_private_key(CURVES[0]))
    folder = tmp_path / "model"
    (folder / "deep/er").mkdir(parents=True)
    (folder / "deep/er/weights.bin").write_bytes(bytes(range(256)))
    (folder / "näme.txt").write_text("x")
    library("sign", folder=str(folder), signature=str(folder / "model.sig"), key=str(private))
    return folder, public


@pytest.mark.parametrize("curve", CURVES, ids=lambda one: one.name)
def test_the_library_verifies_what_is_signed_here(registry, tmp_path, serve_app, library, curve):
    private, public = write_pair(tmp_path, ec.generate_private_key(curve))
    folder = tmp_path / "churn-1"
    code, out, err = serve_app(
        *("export", "oms", "churn@1", "--key", private, "--out", folder),
        *("--registry", registry, "--json"),
    )
    assert code == 0, err
    assert json.loads(out)["version"] == "churn@1"
    given = {"signature": str(folder / "model.sig"), "key": str(public)}
    library("verify", folder=str(folder), **given)
    (folder / "manifest.json").write_text("{}")
    with pytest.raises(foreign.Raised, match=r"manifest\.json"):
        library("verify", folder=str(folder), **given)


def test_the_command_on_the_page_verifies_it(exported):
    folder, public = exported
    page = (Path(__file__).parents[2] / "docs/signing.md").read_text()
    (line,) = re.findall(r"`model_signing (verify key [^`]+)`", page)
    words = line.replace("keys/oms.pub.pem", str(public)).replace("churn-1", str(folder)).split()
    program, variables = foreign.program("model_signing")
    done = subprocess.run(
        [program, *words], env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (folder / "more").write_text("")
    done = subprocess.run([program, *words], env=variables, capture_output=True, check=False)
    assert done.returncode != 0


def test_what_the_library_signed_is_verified_here(foreign_folder, serve_app):
    folder, public = foreign_folder
    code, out, err = serve_app("export", "oms-verify", folder, "--key", public)
    assert code == 0, err
    assert "as it was signed, by the name model" in out


def change(folder):
    path = folder / "deep/er/weights.bin"
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")


def add(folder):
    (folder / "deep/new.txt").write_text("")


def take_away(folder):
    (folder / "näme.txt").unlink()


def link(folder):
    (folder / "link").symlink_to("/etc/hostname")


def point_elsewhere(folder):
    """A file whose content is the same, and in another folder."""
    path = folder / "näme.txt"
    path.rename(folder.parent / "elsewhere")
    path.symlink_to(folder.parent / "elsewhere")


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (change, "deep/er/weights.bin was changed"),
        (add, "deep/new.txt was not signed"),
        (take_away, "näme.txt is missing"),
        (link, "is a link"),
        (point_elsewhere, "is a link"),
    ],
)
def test_any_difference_is_refused_by_both(foreign_folder, serve_app, library, harm, words):
    folder, public = foreign_folder
    harm(folder)
    code, _, err = serve_app("export", "oms-verify", folder, "--key", public)
    assert code == 1
    assert words in err
    with pytest.raises(foreign.Raised):
        library("verify", folder=str(folder), signature=str(folder / "model.sig"), key=str(public))


def test_another_key_did_not_sign_it(exported, tmp_path, serve_app):
    folder, _ = exported
    _, other = write_pair(tmp_path, ec.generate_private_key(CURVES[0]), "other")
    code, _, err = serve_app("export", "oms-verify", folder, "--key", other)
    assert code == 1
    assert "it was signed with another key" in err


def reopened(folder, mend):
    """The bundle of a folder, changed after it was signed."""
    path = folder / "model.sig"
    body = json.loads(path.read_bytes())
    mend(body)
    path.write_text(json.dumps(body))


def replace_payload(body):
    envelope = body["dsseEnvelope"]
    statement = json.loads(base64.b64decode(envelope["payload"]))
    statement["predicate"]["serialization"]["ignore_paths"].append(".")
    envelope["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()


@pytest.mark.parametrize(
    ("mend", "words"),
    [
        (replace_payload, "of other bytes, or of another key"),
        (lambda body: body.update(mediaType="x"), "no bundle of OMS"),
        (lambda body: body["dsseEnvelope"].update(signatures=[]), "no bundle of OMS"),
        (lambda body: body["dsseEnvelope"]["signatures"].append({"sig": ""}), "another key"),
        (lambda body: body["dsseEnvelope"].update(payloadType="text"), "of other bytes"),
        (lambda body: body.pop("verificationMaterial"), "no bundle of OMS"),
        (lambda body: body.update(verificationMaterial=[]), "no bundle of OMS"),
        (lambda body: body["verificationMaterial"].update(publicKey=None), "no bundle of OMS"),
    ],
)
def test_a_bundle_that_was_changed_is_refused_in_words(exported, serve_app, mend, words):
    folder, public = exported
    reopened(folder, mend)
    code, _, err = serve_app("export", "oms-verify", folder, "--key", public)
    assert code == 1
    assert words in err
    assert "Traceback" not in err


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_bundle_is_refused_in_words(exported, serve_app, content):
    folder, public = exported
    (folder / "model.sig").write_bytes(content)
    code, _, err = serve_app("export", "oms-verify", folder, "--key", public)
    assert code == 1
    assert "no bundle of OMS" in err


def test_keys_of_other_kinds_are_refused_with_how_to_make_one(registry, tmp_path, serve_app):
    private, public = write_pair(tmp_path, ed25519.Ed25519PrivateKey.generate(), "ed")
    code, _, err = serve_app(
        *("export", "oms", "churn@1", "--key", private, "--out", tmp_path / "out"),
        *("--registry", registry),
    )
    assert code == 1
    assert "ec_paramgen_curve:P-256" in err
    assert not (tmp_path / "out").exists()
    private, public = write_pair(tmp_path, ec.generate_private_key(ec.SECP256K1()), "k1")
    code, _, err = serve_app("export", "oms-verify", tmp_path, "--key", public)
    assert code == 1
    assert "secp256k1" in err
    code, _, err = serve_app("export", "oms-verify", tmp_path, "--key", private)
    assert "this is the private key" in err


def test_a_folder_that_is_there_is_not_overwritten(exported, registry, tmp_path, serve_app):
    folder, _ = exported
    before = (folder / "model.sig").read_bytes()
    code, _, err = serve_app(
        *("export", "oms", "churn@1", "--key", tmp_path / "oms.pem", "--out", folder),
        *("--registry", registry),
    )
    assert code == 1
    assert "is there already" in err
    assert (folder / "model.sig").read_bytes() == before
