"""Signatures: what they prove, that nothing changed passes, and minisign on the other side."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockd.errors import SignatureError
from blockd.minisign.keys import PublicKey, SecretKey
from blockd.minisign.signature import LARGEST, Signature, Signed, sign, verify
from tests.minisign.program import minisign

KEY, OTHER = (SecretKey.make(bytes([n]) * 8, bytes([n]) * 32) for n in (1, 2))
LIST = b"a.example\n"
GOOD = sign(LIST, KEY, "serial:7").file("x").encode()
PINNED = (OTHER.public, KEY.public)


def test_one_of_the_pinned_keys_vouches_for_a_content_and_its_edition():
    assert verify(LIST, Signature.parse(GOOD), PINNED) == Signed(KEY.public.id, 7, "serial:7")


@settings(max_examples=200)
@given(st.data())
def test_no_octet_of_a_signature_can_be_changed_unnoticed(data):
    at = data.draw(st.integers(GOOD.index(b"\n") + 1, len(GOOD) - 2))
    octet = data.draw(st.integers(0, 255).filter(lambda octet: octet != GOOD[at]))
    with pytest.raises(SignatureError):
        verify(LIST, Signature.parse(GOOD[:at] + bytes([octet]) + GOOD[at + 1 :]), PINNED)


@given(st.binary(max_size=100).filter(lambda content: content != LIST))
def test_it_vouches_for_no_other_content(content):
    with pytest.raises(SignatureError, match="does not fit the content"):
        verify(content, Signature.parse(GOOD), PINNED)


@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_no_signature(content):
    with pytest.raises(SignatureError):
        Signature.parse(content)


LINES = st.sampled_from([*GOOD.split(b"\n")[:4], b"", b"untrusted comment: ", b"trusted comment: "])


@given(st.lists(LINES, max_size=6).map(b"\n".join))
def test_lines_in_another_order_are_a_signature_only_if_they_verify(content):
    try:
        found = Signature.parse(content)
    except SignatureError:
        return
    try:
        verify(LIST, found, PINNED)
    except SignatureError:
        return
    assert content.split(b"\n")[1:4] == GOOD.split(b"\n")[1:4]


@given(st.text(st.characters(blacklist_categories=["Cc", "Cs"]), max_size=40))
def test_what_is_written_is_read_whatever_the_comments(comment):
    made = sign(LIST, KEY, comment)
    assert Signature.parse(made.file("y").encode()) == made
    assert Signature.parse(made.file(comment).encode().replace(b"\n", b"\r\n")) == made


def other_comment(text):
    return GOOD.replace(b"serial:7", text)


def without_serial(comment):
    return sign(LIST, KEY, comment).file("x").encode()


BAD = [
    (b"", "that has four lines"),
    (GOOD + b"more\n", "that has four lines"),
    (b"<html>\n<body>\n</body>\n</html>\n", "that has four lines"),
    (GOOD.replace(b"\ntrusted", b"\nTrusted"), "its third line is no comment"),
    (b"\xff" + GOOD, "not UTF-8"),
    (GOOD + b" " * LARGEST, f"has more than {LARGEST} octets"),
    (other_comment(b"serial:7\x1b[2J"), "control characters"),
    (other_comment(b"serial:9"), "its trusted comment was changed"),
    (sign(LIST, SecretKey.make(b"3" * 8, b"3" * 32), "serial:7").file("x").encode(),
     "made with key 3333333333333333, which is not among the pinned ones"),
    (sign(LIST, OTHER._replace(number=KEY.number), "serial:7").file("x").encode(),
     "did not sign this"),
    (without_serial(""), "neither `serial:N` nor `timestamp:N`"),
    (without_serial("myserial:5 serial:x serial:-1 timestamp:5b"), "neither `serial:N`"),
    (GOOD.replace(b"RU", b"RV", 1), "is made by b'ET'"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "said"), BAD)
def test_what_is_wrong_with_a_signature_is_said(content, said):
    with pytest.raises(SignatureError) as caught:
        verify(LIST, Signature.parse(content), PINNED)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("comment", "serial"),
    [
        ("timestamp:1700000000\tfile:x\thashed", 1_700_000_000),
        ("timestamp:1700000000 serial:12", 12),
        ("for you serial:0012 and you", 12),
        ("file:serial:3 timestamp:4", 4),
    ],
)
def test_editions_are_told_apart_by_serial_or_else_by_time(comment, serial):
    assert verify(LIST, Signature.parse(without_serial(comment)), PINNED).serial == serial


def test_a_comment_of_two_lines_is_not_signed():
    with pytest.raises(SignatureError, match="one line"):
        sign(LIST, KEY, "serial:7\nserial:8")


@pytest.mark.parametrize("legacy", [(), ("-l",)])
def test_what_minisign_signs_is_verified(tmp_path, legacy):
    minisign(tmp_path, "-G", "-W", "-p", "k.pub", "-s", "k.key")
    (tmp_path / "a.txt").write_bytes(LIST)
    minisign(tmp_path, "-S", *legacy, "-s", "k.key", "-m", "a.txt", "-t", "serial:12")
    public = PublicKey.parse((tmp_path / "k.pub").read_text())
    found = Signature.parse((tmp_path / "a.txt.minisig").read_bytes())
    assert found.algorithm == (b"Ed" if legacy else b"ED")
    assert verify(LIST, found, [public]).serial == 12
    with pytest.raises(SignatureError, match="does not fit"):
        verify(LIST + LIST, found, [public])
    minisign(tmp_path, "-S", *legacy, "-s", "k.key", "-m", "a.txt")
    found = Signature.parse((tmp_path / "a.txt.minisig").read_bytes())
    assert verify(LIST, found, [public]).serial > 1_700_000_000


def test_minisign_verifies_what_is_signed_and_nothing_changed(tmp_path):
    (tmp_path / "a.txt").write_bytes(LIST)
    signature = tmp_path / "a.txt.minisig"
    signature.write_bytes(GOOD)
    verified = minisign(tmp_path, "-V", "-H", "-P", str(KEY.public), "-m", "a.txt")
    assert "Trusted comment: serial:7" in verified.stdout
    signature.write_bytes(other_comment(b"serial:8"))
    refused = minisign(tmp_path, "-V", "-P", str(KEY.public), "-m", "a.txt", check=False)
    assert refused.returncode == 1
    (tmp_path / "a.txt").write_bytes(b"b.example\n")
    signature.write_bytes(GOOD)
    assert minisign(
        tmp_path, "-V", "-P", str(KEY.public), "-m", "a.txt", check=False
    ).returncode == 1  # fmt: skip


def test_base64_with_bits_left_over_is_no_second_text_of_a_signature():
    line = GOOD.split(b"\n")[1]
    assert line.endswith(b"=")
    loose = line[:-2] + bytes([line[-2] + 1]) + line[-1:]
    assert base64.b64decode(loose) == base64.b64decode(line)
    with pytest.raises(SignatureError, match="is not a signature"):
        Signature.parse(GOOD.replace(line, loose))
