"""Key files: those of minisign are read, and minisign reads ours."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockd.errors import SignatureError
from blockd.minisign.keys import PasswordError, PublicKey, SecretKey
from tests.minisign.program import minisign

KEY = SecretKey.make(b"number__", b"s" * 32)
PASSWORD, SALT = b"correct horse", b"n" * 32
LIGHT = {"operations": 1 << 15, "memory": 1 << 24}
"""A test guesses no passwords."""


def test_a_public_key_comes_back_from_its_line_and_from_its_file():
    public = KEY.public
    assert PublicKey.parse(str(public)) == PublicKey.parse(public.file()) == public
    assert str(public).startswith("RW")
    assert public.id == b"__rebmun".hex().upper()


def test_a_secret_key_comes_back_with_and_without_a_password():
    assert SecretKey.parse(KEY.file()) == KEY
    text = KEY.file(PASSWORD, SALT, **LIGHT)
    assert SecretKey.parse(text, PASSWORD) == KEY
    with pytest.raises(PasswordError, match="protected by a password"):
        SecretKey.parse(text)
    with pytest.raises(SignatureError, match="the password is wrong"):
        SecretKey.parse(text, b"wrong")


def changed(text, at, octet):
    first, line, *_ = text.split("\n")
    packed = bytearray(base64.b64decode(line))
    packed[at] = octet
    return f"{first}\n{base64.b64encode(packed).decode()}\n"


DAMAGED = [
    ("", "lacks its comment line"),
    (KEY.file().split("\n")[1], "lacks its comment line"),
    (KEY.file()[:-20] + "\n", "is not a secret key of minisign"),
    (KEY.public.file(), "is not a secret key of minisign"),
    (changed(KEY.file(), 0, 0), "is no secret key that minisign"),
    (changed(KEY.file(), 2, 7), "is no secret key that minisign"),
    (changed(KEY.file(), 70, 7), "its two halves do not fit"),
    (changed(KEY.file(PASSWORD, SALT, **LIGHT), 70, 7), "the password is wrong, or"),
]


@pytest.mark.parametrize(("text", "said"), DAMAGED)
def test_a_damaged_key_is_an_error_that_says_how(text, said):
    with pytest.raises(SignatureError, match=said):
        SecretKey.parse(text, PASSWORD)


@given(st.one_of(st.text(max_size=80), st.binary(max_size=60).map(base64.b64encode)))
def test_any_other_text_is_no_public_key(text):
    text = text.decode() if isinstance(text, bytes) else text
    try:
        found = PublicKey.parse(text)
    except SignatureError:
        return
    assert str(found) == text.strip()


@settings(max_examples=50)
@given(st.data())
def test_a_changed_key_never_passes_for_another_of_the_same_text(data):
    text = str(KEY.public)
    at = data.draw(st.integers(0, len(text) - 1))
    other = text[:at] + data.draw(st.characters()) + text[at + 1 :]
    try:
        found = PublicKey.parse(other)
    except SignatureError:
        return
    assert (str(found) == text) == (found == KEY.public)


def test_minisign_makes_keys_that_are_read(tmp_path):
    minisign(tmp_path, "-G", "-W", "-p", "k.pub", "-s", "k.key")
    minisign(tmp_path, "-G", "-p", "e.pub", "-s", "e.key", answers="secret\nsecret\n")
    for name, password in (("k", None), ("e", b"secret")):
        public = PublicKey.parse((tmp_path / f"{name}.pub").read_text())
        assert SecretKey.parse((tmp_path / f"{name}.key").read_text(), password).public == public


def test_minisign_reads_the_keys_that_are_made(tmp_path):
    (tmp_path / "k.key").write_text(KEY.file())
    (tmp_path / "e.key").write_text(KEY.file(PASSWORD, SALT, **LIGHT))
    for name, answers in (("k", ""), ("e", PASSWORD.decode() + "\n")):
        minisign(tmp_path, "-R", "-s", f"{name}.key", "-p", f"{name}.pub", answers=answers)
        assert (tmp_path / f"{name}.pub").read_text() == KEY.public.file()
