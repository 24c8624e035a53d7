"""`blockd sign`: keys and signatures for minisign and for gateways."""

import re
import stat

import pytest

from blockd.minisign.keys import SecretKey
from tests.cli.program import run
from tests.minisign.program import minisign


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("a.example\n")
    return tmp_path


def test_a_key_is_made_for_its_owner_alone_and_shown_as_gateways_pin_it(place):
    done = run("sign", "--key", "k.key", "--generate")
    assert (done.status, done.err) == (0, "")
    assert stat.S_IMODE((place / "k.key").stat().st_mode) == 0o600
    public = re.search(r'key = "(RW\S+)"', done.out)[1]
    assert public in (place / "k.key.pub").read_text()


def test_no_key_is_written_over(place):
    run("sign", "--key", "k.key", "--generate")
    before = (place / "k.key").read_bytes()
    done = run("sign", "--key", "k.key", "--generate")
    assert (done.status, done.err) == (2, "blockd: k.key: cannot be made: File exists\n")
    assert (place / "k.key").read_bytes() == before


def test_minisign_verifies_what_is_signed(place):
    run("sign", "--key", "k.key", "--generate")
    (place / "b.txt").write_text("b.example\n")
    done = run("sign", "--key", "k.key", "--serial", "12", "--comment", "by hand", "a.txt", "b.txt")
    key = SecretKey.parse((place / "k.key").read_text()).public
    assert done == (
        0,
        (
            f"a.txt.minisig: edition 12, signed with key {key.id}\n"
            f"b.txt.minisig: edition 12, signed with key {key.id}\n"
        ),
        "",
    )
    for name in ("a.txt", "b.txt"):
        said = minisign(place, "-V", "-H", "-p", "k.key.pub", "-m", name).stdout
        assert re.search(rf"serial:12\ttimestamp:\d+\tfile:{name}\thashed\tby hand", said)


def test_the_time_is_the_edition_where_none_is_given(place):
    run("sign", "--key", "k.key", "--generate")
    run("sign", "--key", "k.key", "a.txt")
    said = minisign(place, "-V", "-p", "k.key.pub", "-m", "a.txt").stdout
    assert "serial" not in said
    assert re.search(r"Trusted comment: timestamp:\d{10}\tfile:a.txt\thashed", said)


def test_keys_of_minisign_sign_too(place):
    minisign(place, "-G", "-W", "-p", "m.pub", "-s", "m.key")
    assert run("sign", "--key", "m.key", "a.txt").status == 0
    minisign(place, "-V", "-p", "m.pub", "-m", "a.txt")


def test_a_key_may_be_protected_by_a_password(place, monkeypatch):
    from blockd.minisign import keys

    monkeypatch.setattr(keys.SecretKey.file, "__defaults__", (None, b"", 1 << 15, 1 << 24))
    (place / "password").write_text("correct horse\nignored\n")
    (place / "wrong").write_text("battery\n")
    run("sign", "--key", "k.key", "--generate", "--password-file", "password")
    assert "encrypted" in (place / "k.key").read_text()
    assert run("sign", "--key", "k.key", "--password-file", "password", "a.txt").status == 0
    done = run("sign", "--key", "k.key", "--password-file", "wrong", "a.txt")
    assert done.status == 2
    assert done.err == "blockd: k.key: the password is wrong, or the key file is damaged\n"
    said = minisign(place, "-S", "-s", "k.key", "-m", "a.txt", answers="correct horse\n")
    assert said.returncode == 0
    minisign(place, "-V", "-p", "k.key.pub", "-m", "a.txt")


MISTAKES = [
    ([], "name the lists to sign, or --generate"),
    (["a.txt", "--generate"], "and not both"),
    (["a.txt", "--key", "none.key"], "none.key: cannot be read: No such file"),
    (["a.txt", "--key", "a.txt"], "a.txt: is no key file of minisign"),
    (["none.txt"], "none.txt: cannot be read"),
]


@pytest.mark.parametrize(("words", "said"), MISTAKES)
def test_mistakes_are_said(place, words, said):
    run("sign", "--key", "k.key", "--generate")
    done = run("sign", "--key", "k.key", *words)
    assert (done.status, done.out) == (2, "")
    assert said in done.err
    assert not [*place.glob("*.minisig")]
