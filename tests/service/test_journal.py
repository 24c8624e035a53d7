"""journald's protocol, as a socket hears it that stands in for the journal's."""

import logging
import os
import socket
import struct
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.service import journal
from blockd.service.journal import JournalHandler, encode, is_stream


def decoded(message):
    """Return the fields of a message, read by the protocol's own words."""
    fields = {}
    while message:
        line, _, rest = message.partition(b"\n")
        name, simple, value = line.partition(b"=")
        if not simple:
            (length,) = struct.unpack_from("<Q", rest)
            value, end = rest[8 : 8 + length], rest[8 + length : 9 + length]
            assert end == b"\n"
            rest = rest[9 + length :]
        fields[name.decode()] = value.decode()
        message = rest
    return fields


@given(
    st.dictionaries(
        st.from_regex(r"\A[A-Z][A-Z_]*\Z"), st.text(st.characters(exclude_categories=["Cs"]))
    )
)
def test_every_value_comes_whole(fields):
    assert decoded(encode(fields.items())) == fields


def test_what_is_no_text_is_shown_rather_than_lost():
    assert decoded(encode([("MESSAGE", "name \udcff")])) == {"MESSAGE": r"name \udcff"}


def test_a_stream_is_known_by_device_and_inode(tmp_path):
    with (tmp_path / "a").open("w") as one, (tmp_path / "b").open("w") as other:
        found = os.fstat(one.fileno())
        named = f"{found.st_dev}:{found.st_ino}"
        assert is_stream(one.fileno(), named)
        assert not is_stream(other.fileno(), named)
    assert not is_stream(10**6, named)


class Kept(logging.Handler):
    """Keeps what it gets."""

    def __init__(self):
        super().__init__()
        self.texts = []

    def emit(self, record):
        self.texts.append(record.getMessage())


@pytest.fixture
def listener(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "SOCKET", tmp_path / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(tmp_path / "socket"))
        made.settimeout(5)
        yield made


@pytest.fixture
def otherwise():
    return Kept()


@pytest.fixture
def log(otherwise):
    """A logger of its own that speaks to the journal alone."""
    handler = JournalHandler("blockd", otherwise)
    logger = logging.getLogger("blockd.test.journal")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)
    handler.close()


def heard(listener):
    """Return the fields of the next message, whether it is a datagram or a file."""
    message, files, _, _ = socket.recv_fds(listener, 1 << 20, 1)
    if files:
        assert message == b""
        with pytest.raises(PermissionError):
            os.pwrite(files[0], b"x", 0)
        message = os.pread(files[0], 1 << 30, 0)
        os.close(files[0])
    return decoded(message)


def test_a_record_comes_with_its_fields(listener, log):
    log.warning("%s is wrong", "it", extra={"generation": 7, "source": "a.toml", "line": 3})
    fields = heard(listener)
    assert fields.pop("CODE_FILE") == __file__
    assert int(fields.pop("CODE_LINE"))
    assert fields == {
        "MESSAGE": "it is wrong",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "blockd",
        "CODE_FUNC": "test_a_record_comes_with_its_fields",
        "BLOCKD_GENERATION": "7",
        "BLOCKD_SOURCE": "a.toml",
        "BLOCKD_LINE": "3",
    }


def test_what_a_record_says_nothing_of_has_no_field(listener, log):
    log.info("on", extra={"generation": None, "platform": "p001", "client": "198.18.0.9"})
    names = {name for name in heard(listener) if name.startswith("BLOCKD_")}
    assert names == {"BLOCKD_PLATFORM"}


def test_an_exception_is_one_message(listener, log):
    log.error("it failed", exc_info=ValueError("two\nlines"))
    assert heard(listener)["MESSAGE"] == "it failed\nValueError: two\nlines"


def test_what_no_datagram_holds_comes_as_a_sealed_file(listener, log):
    log.info("x" * (4 << 20))
    assert heard(listener)["MESSAGE"] == "x" * (4 << 20)
    log.info("short")
    assert heard(listener)["MESSAGE"] == "short"


def test_without_a_journal_the_other_handler_has_it_and_a_new_journal_is_found(
    listener, log, otherwise, tmp_path
):
    log.info("first")
    assert heard(listener)["MESSAGE"] == "first"
    listener.close()
    log.info("second")
    (tmp_path / "socket").unlink()
    log.info("third")
    assert otherwise.texts == ["second", "third"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as again:
        again.bind(str(tmp_path / "socket"))
        again.settimeout(5)
        log.info("fourth")
        assert heard(again)["MESSAGE"] == "fourth"


def test_a_journal_that_does_not_read_costs_one_wait_and_then_says_what_is_missing(
    listener, log, otherwise, monkeypatch
):
    monkeypatch.setattr(journal, "PATIENCE", 0.2)
    started = time.monotonic()
    for number in range(1000):
        log.info("%d", number)
    assert time.monotonic() - started < 5  # and not 1000 times the patience
    listener.settimeout(0)
    taken = 0
    with pytest.raises(BlockingIOError):
        while True:
            assert heard(listener)["MESSAGE"] == str(taken)
            taken += 1
    assert 0 < taken < 1000
    listener.settimeout(5)
    log.info("there is room again")
    assert heard(listener)["MESSAGE"] == "there is room again"
    assert heard(listener)["MESSAGE"].startswith(f"{1000 - taken} messages are not here")
    assert otherwise.texts == []


def test_a_journal_that_reads_slowly_costs_no_more_than_one_that_does_not(
    listener, log, monkeypatch
):
    monkeypatch.setattr(journal, "PATIENCE", 0.2)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as others:
        others.connect(listener.getsockname())
        others.settimeout(0)
        with pytest.raises(BlockingIOError):
            while True:
                others.send(b"MESSAGE=x\n")
    waited = 0.0
    for number in range(20):
        reader = threading.Timer(0.05, listener.recv, [1 << 20])
        reader.start()
        started = time.monotonic()
        log.info("%d", number)
        waited += time.monotonic() - started
        reader.join()
    assert 0.05 < waited < 0.6  # and not twenty times what one message waits
