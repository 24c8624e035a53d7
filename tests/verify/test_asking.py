"""Thousands of questions at a time, against a server that loses, delays, limits and lies."""

import contextlib
import select
import socket
import threading

import pytest

from blockd.config import Endpoint
from blockd.errors import UnreachableError
from blockd.resolver import wire
from blockd.terms import Action
from blockd.verify.asking import FORWARDED, Asked, Asker
from blockd.verify.expected import OPEN, Expected
from tests.verify import answers

BLOCKED = Expected(Action.NXDOMAIN, 16)
SAID = answers.said(3, codes={16})


@contextlib.contextmanager
def server(reply):
    """Answer each datagram with those that `reply` gives, until the block ends."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.bind(("127.0.0.1", 0))
        ended = threading.Event()

        def serve():
            while not ended.is_set():
                if select.select([sock], [], [], 0.02)[0]:
                    query, client = sock.recvfrom(4096)
                    for packet in reply(query):
                        sock.sendto(packet, client)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield Endpoint(*sock.getsockname())
        finally:
            ended.set()
            thread.join()


def echoed(query, flags=0x8000):
    return query[:2] + (flags | 0x100).to_bytes(2) + query[4:]


def name(number):
    text = f"n{number}".encode()
    return bytes((len(text),)) + text


def asked(number, expected=BLOCKED):
    return Asked(name(number), wire.A, expected, "names")


def ask(endpoint, questions, read=lambda _packet, _question: SAID, patience=0.2):
    heard = {}
    asker = Asker(endpoint, read, patience)
    try:
        asker.ask(iter(questions), lambda each, said: heard.update({each.name: said}))
    finally:
        asker.close()
    return heard


def test_every_one_of_many_questions_gets_its_own_answer():
    def read(packet, question):
        return SAID._replace(cookie=packet[12 : 12 + question - 5])

    with server(lambda query: [echoed(query)]) as endpoint:
        heard = ask(endpoint, map(asked, range(5000)), read, patience=2)
    assert heard == {name(n): SAID._replace(cookie=name(n)) for n in range(5000)}


def test_what_is_lost_is_asked_again_and_what_stays_silent_is_told():
    seen = {}

    def reply(query):
        question = query[12:]
        seen[question] = seen.get(question, 0) + 1
        lost = b"n7" in question or seen[question] < 3
        return [] if lost else [echoed(query)]

    with server(reply) as endpoint:
        heard = ask(endpoint, map(asked, range(20)))
    assert heard == {name(n): None if n == 7 else SAID for n in range(20)}
    assert set(seen.values()) == {3}


def test_where_silence_is_right_nothing_is_asked_twice():
    seen = []
    with server(lambda query: seen.append(query) or []) as endpoint:
        heard = ask(endpoint, [asked(1, Expected(Action.DROP, 16))])
    assert heard == {name(1): None}
    assert len(seen) == 1


@pytest.mark.parametrize(
    "lie",
    [
        lambda query: query,  # no response
        lambda query: bytes((query[0] ^ 1,)) + echoed(query)[1:],
        lambda query: echoed(query).replace(b"n1", b"n2"),
        lambda query: query[:2] + b"\x80",
    ],
)
def test_what_is_no_answer_to_the_question_is_not_taken(lie):
    with server(lambda query: [lie(query)]) as endpoint:
        assert ask(endpoint, [asked(1)], patience=0.05) == {name(1): None}
    with server(lambda query: [lie(query), echoed(query).replace(b"n1", b"N1")]) as endpoint:
        assert ask(endpoint, [asked(1)]) == {name(1): SAID}


def test_tc_alone_is_a_limit_and_asked_again():
    limited = SAID._replace(truncated=True, codes=frozenset(), rcode=0)
    answers = iter([limited, SAID])
    with server(lambda query: [echoed(query)]) as endpoint:
        assert ask(endpoint, [asked(1)], lambda *_: next(answers)) == {name(1): SAID}


def test_few_of_those_that_go_upstream_are_in_flight():
    waiting, most = [], []

    def reply(query):
        waiting.append(query)
        most.append(len(waiting))
        if len(waiting) < FORWARDED:
            return []
        answers = [echoed(each) for each in waiting]
        waiting.clear()
        return answers

    with server(reply) as endpoint:
        heard = ask(endpoint, [asked(n, OPEN) for n in range(4 * FORWARDED)], patience=5)
    assert set(heard.values()) == {SAID}
    assert max(most) == FORWARDED


def test_the_servers_cookie_is_shown_from_then_on():
    seen = []
    with server(lambda query: seen.append(query) or [echoed(query)]) as endpoint:
        asker = Asker(endpoint, lambda *_: SAID._replace(cookie=b"0123456789abcdef"))
        asker.greet(asked(0))
        asker.ask(iter([asked(1)]), lambda *_: None)
        asker.close()
    first, second = (query.rpartition(b"\0\x0a")[2] for query in seen)
    assert (first[:2], second[:2]) == (b"\0\x08", b"\0\x18")
    assert second[2:] == first[2:] + b"0123456789abcdef"


def test_nobody_there_is_an_error_that_says_so():
    with socket.socket(type=socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        endpoint = Endpoint(*free.getsockname())
    with pytest.raises(UnreachableError, match=f"{endpoint} cannot be asked: Connection refused"):
        ask(endpoint, [asked(1)])
    with server(lambda _query: []) as endpoint:
        asker = Asker(endpoint, lambda *_: SAID, 0.02)
        with pytest.raises(UnreachableError, match="does not answer; is blockd-resolver running"):
            asker.greet(asked(1))
        asker.close()
