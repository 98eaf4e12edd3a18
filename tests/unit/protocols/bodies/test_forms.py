"""Forms, held against the standard library's readers of addresses and against httpx's writer."""

from urllib.parse import parse_qsl, quote_plus, unquote_to_bytes

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.errors import BadEncoding
from serve_app.protocols.bodies import forms
from serve_app.protocols.dialect import FORM

NAMES = st.text("abc é", min_size=1)
VALUES = st.text(st.characters(codec="utf-8"))


@given(st.binary() | st.text("%4aF+&=x", max_size=30).map(str.encode))
def test_percent_signs_stand_for_bytes(text):
    assert forms.unquoted(text) == unquote_to_bytes(text)


@given(st.lists(st.tuples(NAMES, VALUES), min_size=1))
def test_fields_are_those_of_the_standard_library(pairs):
    text = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)
    wanted = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        wanted.setdefault(name, []).append(value.encode())
    assert forms.fields(text.encode(), FORM) == wanted


@pytest.mark.parametrize("text", [b"abc", b"a=1&", b"&a=1", b"a=1&&b=2"])
def test_what_is_no_form_is_refused(text):
    with pytest.raises(BadEncoding, match="neither JSON nor a form"):
        forms.fields(text, FORM)


@given(st.dictionaries(st.text("abc", min_size=1), st.binary(), min_size=1))
def test_parts_are_read_as_they_were_sent(files):
    sent = httpx.Request("POST", "http://x", files=files)
    body, content_type = sent.read(), sent.headers["content-type"]
    assert forms.fields(body, content_type) == {name: [value] for name, value in files.items()}


def test_coded_parts_are_decoded():
    body = (
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\nWzFd\r\n--b--\r\n"
    )
    assert forms.fields(body, "multipart/form-data; boundary=b") == {"a": [b"[1]"]}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[1]",
        b"--b--",
        b"--b\r\n\r\n1\r\n--b--",
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1',
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b',
        b"--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--",
    ],
)
def test_what_is_not_in_parts_is_refused_or_empty(body):
    kind = "multipart/form-data; boundary=b"
    if body == b"--b--":
        assert forms.fields(body, kind) == {}
        return
    with pytest.raises(BadEncoding):
        forms.fields(body, kind)


def test_very_many_fields_and_parts_are_refused():
    with pytest.raises(BadEncoding, match="more than 1000 fields"):
        forms.fields(b"&".join([b"a=1"] * 1001), FORM)
    part = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    kind = "multipart/form-data; boundary=b"
    assert len(forms.fields(part * 1000 + b"--b--", kind)["a"]) == 1000
    with pytest.raises(BadEncoding, match="more than 1000 parts"):
        forms.fields(part * 1001 + b"--b--", kind)
