"""Dialogues with upstreams, as tables of events and commands; and that every exchange ends.

A line reads `event -> command`; `-` is no command. Events:
    ask [other|upper|do]     a client asks
    reply [to N] [WHAT]...   a datagram comes for the last message sent, or for the Nth
    tcp WHAT                 TCP brought something for the last `tcp` command
    wait SECONDS             time passes
"""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.resolver import exchange as exchanges
from blockd.resolver.exchange import AskByTcp, Done, Exchanges, Send, Waiter
from blockd.resolver.wire import parse_query
from tests.resolver import messages
from tests.resolver.messages import query, read

ASKED = {
    "": {},
    "other": {"name": "other.example"},
    "upper": {"name": "WWW.Example", "number": 0x4321},
    "do": {"do": True},
}
RCODES = {"nxdomain": 3, "servfail": 2, "refused": 5, "formerr": 1, "notimp": 4}
WHAT_RCODE = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}


def made_reply(message, words):
    """Return what an upstream might send for a message."""
    rcode = next((RCODES[word] for word in words if word in RCODES), 0)
    zone = [] if rcode else ["www.example 60 A 198.18.0.80"]
    packet = bytearray(messages.reply(message, *zone, rcode=rcode, tc=int("tc" in words)))
    end = packet.index(0, 12) + 5
    for word in words:
        match word:
            case "id":
                packet[0] ^= 1
            case "query":
                packet[2] &= 0x7F
            case "opcode":
                packet[2] |= 0x20
            case "name":
                packet[13] = ord("x")
            case "upper":
                packet[12:end] = packet[12:end].upper()
            case "type":
                packet[end - 3] = 28
            case "class":
                packet[end - 1] = 3
            case "questions":
                packet[5] = 2
            case "headless":
                packet[5] = 0
            case "short":
                packet = packet[:11]
            case "garbage":
                packet = packet[:-3]
    return bytes(packet)


class Play:
    """One set of exchanges, with the messages that it sent so far."""

    def __init__(self, upstreams=2):
        bits = itertools.count(0x0FFFE, 0x10003)
        self.exchanges = Exchanges(upstreams, 4, lambda n: next(bits) & ((1 << n) - 1))
        self.now = 0.0
        self.sent = []
        self.tcp = []
        self.answered = []

    def perform(self, event):
        verb, *words = event.split()
        return ", ".join(map(self.show, self.commands(verb, words))) or "-"

    def commands(self, verb, words):
        if verb == "wait":
            self.now += float(words[0])
            return self.exchanges.due(self.now)
        if verb == "ask":
            asked = parse_query(query(**ASKED["".join(words)]))
            command = self.exchanges.ask(Waiter(asked, self.answered.append), self.now)
        elif verb == "reply":
            sent = self.sent[int(words[1])] if "to" in words else self.sent[-1]
            upstream = (sent.upstream + ("upstream" in words)) % len(self.exchanges.health)
            channel = (sent.channel + ("channel" in words)) % 4
            packet = made_reply(sent.message, words)
            command = self.exchanges.received(upstream, channel, packet, self.now)
        else:
            ask = self.tcp[-1]
            packet = None if words == ["fails"] else made_reply(ask.message, words)
            command = self.exchanges.by_tcp(ask.exchange, ask.upstream, packet, self.now)
        return [command] if command is not None else []

    def show(self, command):
        match command:
            case Send(upstream, _, message):
                self.sent.append(command)
                return f"send {upstream}" + ("" if message[11] else " plain")
            case AskByTcp(_, upstream, _):
                self.tcp.append(command)
                return f"tcp {upstream}"
            case Done(exchange, answer):
                said = WHAT_RCODE[answer.rcode] if answer else "failure"
                count = len(exchange.waiters)
                return f"done {said}" + (f" x{count}" if count > 1 else "")


def play(lines, upstreams=2):
    stage = Play(upstreams)
    for line in lines:
        event, _, expected = line.partition(" -> ")
        assert stage.perform(event) == expected, line
    return stage


DIALOGUES = {
    "an answer ends it": ["ask -> send 0", "reply -> done NOERROR", "reply -> -"],
    "a denial ends it": ["ask -> send 0", "reply nxdomain -> done NXDOMAIN", "ask -> send 0"],
    "the question's case may change": ["ask -> send 0", "reply upper -> done NOERROR"],
    "equal questions are asked once": [
        "ask -> send 0", "ask -> -", "ask upper -> -", "reply -> done NOERROR x3",
    ],
    "other questions are asked for themselves": [
        "ask -> send 0", "ask other -> send 0", "ask do -> send 0", "reply to 0 -> done NOERROR",
        "reply to 2 -> done NOERROR", "reply to 1 -> done NOERROR",
    ],
    "a lost datagram is sent again, to the next upstream": [
        "ask -> send 0", "wait 0.69 -> -", "wait 0.02 -> send 1", "reply -> done NOERROR",
        "wait 9 -> -",
    ],
    "a late answer to an earlier try counts": [
        "ask -> send 0", "wait 0.7 -> send 1", "reply to 0 -> done NOERROR", "reply to 1 -> -",
    ],
    "who joins late does not restart it": [
        "ask -> send 0", "wait 0.6 -> -", "ask -> -", "wait 0.1 -> send 1",
        "reply -> done NOERROR x2",
    ],
    "it ends after three tries": [
        "ask -> send 0", "wait 0.7 -> send 1", "wait 1.3 -> send 0", "ask -> -", "wait 2.3 -> -",
        "wait 0.2 -> done failure x2", "reply -> -", "wait 9 -> -", "ask -> send 0",
    ],
    "another upstream is asked where one fails": [
        "ask -> send 0", "reply servfail -> send 1", "reply -> done NOERROR", "wait 9 -> -",
    ],
    "another upstream is asked where one refuses": [
        "ask -> send 0", "reply refused -> send 1", "reply nxdomain -> done NXDOMAIN",
    ],
    "the last failure is passed on": [
        "ask -> send 0", "reply servfail -> send 1", "reply refused -> done REFUSED",
    ],
    "without EDNS where OPT is not understood": [
        "ask -> send 0", "reply formerr -> send 0 plain", "reply -> done NOERROR", "wait 9 -> -",
    ],
    "not implemented is taken the same way": [
        "ask -> send 0", "reply notimp -> send 0 plain", "wait 1.3 -> send 1 plain",
        "reply formerr -> done FORMERR",
    ],
    "no try is left to leave EDNS out": [
        "ask -> send 0", "wait 0.7 -> send 1", "wait 1.3 -> send 0",
        "reply formerr -> done FORMERR",
    ],
    "garbage uses a try up": [
        "ask -> send 0", "reply garbage -> send 1", "reply garbage -> send 0",
        "reply garbage -> done failure",
    ],
    "the whole of a long answer comes by TCP": [
        "ask -> send 0", "reply tc -> tcp 0", "reply tc -> -", "ask -> -",
        "tcp answer -> done NOERROR x2", "wait 9 -> -",
    ],
    "TCP that fails uses a try up": [
        "ask -> send 0", "reply tc -> tcp 0", "tcp fails -> send 1", "reply tc -> tcp 1",
        "tcp short -> send 0", "reply tc -> tcp 0", "tcp name -> done failure",
    ],
    "slow TCP is overtaken": [
        "ask -> send 0", "reply tc -> tcp 0", "wait 0.7 -> send 1", "reply -> done NOERROR",
        "tcp answer -> -", "tcp fails -> -",
    ],
    "TCP that never ends is given up": [
        "ask -> send 0", "reply tc -> tcp 0", "wait 0.7 -> send 1", "wait 1.3 -> send 0",
        "wait 2.4 -> done failure", "tcp answer -> -",
    ],
    "failures by TCP count as others": [
        "ask -> send 0", "reply tc -> tcp 0", "tcp servfail -> send 1", "reply -> done NOERROR",
    ],
    "a silent upstream is asked last, and after a while again": [
        "ask -> send 0", "wait 0.7 -> send 1", "reply -> done NOERROR",
        "ask -> send 0", "wait 0.7 -> send 1", "reply -> done NOERROR",
        "ask -> send 0", "wait 0.7 -> send 1", "reply -> done NOERROR",
        "ask -> send 1", "wait 0.7 -> send 0", "reply -> done NOERROR", "ask -> send 0",
        "reply -> done NOERROR",
    ],
    "silence is over after some seconds": [
        "ask -> send 0", "wait 0.7 -> send 1", "reply -> done NOERROR",
        "ask -> send 0", "wait 0.7 -> send 1", "reply -> done NOERROR",
        "ask -> send 0", "wait 0.7 -> send 1", "reply -> done NOERROR",
        "wait 4.9 -> -", "ask -> send 1", "reply -> done NOERROR",
        "wait 0.2 -> -", "ask -> send 0", "wait 0.7 -> send 1", "reply -> done NOERROR",
        "ask -> send 1",
    ],
}  # fmt: skip


@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogues(lines):
    play(lines)


ALONE = {
    "its failure is passed on": ["ask -> send 0", "reply servfail -> done SERVFAIL"],
    "it is asked three times": [
        "ask -> send 0", "wait 0.7 -> send 0", "wait 1.3 -> send 0", "wait 2.4 -> done failure",
    ],
    "it is asked though it is silent": [
        "ask -> send 0", "wait 0.7 -> send 0", "wait 1.3 -> send 0", "wait 2.4 -> done failure",
        "ask -> send 0", "reply -> done NOERROR",
    ],
}  # fmt: skip


@pytest.mark.parametrize("lines", ALONE.values(), ids=ALONE)
def test_a_single_upstream(lines):
    play(lines, upstreams=1)


def test_without_upstreams_the_answer_is_a_failure_at_once():
    play(["ask -> done failure"], upstreams=0)


FORGERIES = [
    "id", "channel", "upstream", "name", "type", "class", "query", "opcode", "questions",
    "headless", "short", "tc id", "tc name", "nxdomain id", "servfail channel", "garbage id",
]  # fmt: skip


@pytest.mark.parametrize("what", FORGERIES)
def test_what_answers_nothing_that_was_asked_is_ignored_and_counted(what):
    stage = play(["ask -> send 0", f"reply {what} -> -", f"reply {what} -> -"])
    assert stage.exchanges.mismatched == 2
    assert stage.perform("reply") == "done NOERROR"
    assert stage.exchanges.health[0].answered == 1


def test_health_counts_what_each_upstream_did():
    stage = play([
        "ask -> send 0", "wait 0.7 -> send 1", "reply -> done NOERROR", "ask -> send 0",
        "reply -> done NOERROR",
    ])  # fmt: skip
    seen = [(h.sent, h.answered, h.timeouts, h.failures) for h in stage.exchanges.health]
    assert seen == [(2, 1, 1, 0), (1, 1, 0, 0)]


@given(
    header=st.fixed_dictionaries({bit: st.integers(0, 1) for bit in ("rd", "ad", "cd")}),
    bits=st.fixed_dictionaries({bit: st.booleans() for bit in ("do", "co")}),
    edns=st.booleans(),
    name=st.sampled_from(["a.example", "A.Example", "."]),
)
def test_upstreams_see_our_own_opt_and_the_clients_flags(header, bits, edns, name):
    options = [(10, b"12345678"), (8, b"\0\1\x18\0\xc6\x12\0")]  # a cookie and a client subnet
    others = {"aa": 1, "tc": 1, "ra": 1}  # of no meaning in a query
    packet = query(name, "AAAA", edns=edns, size=4096, options=options, **header, **bits, **others)
    message = Play().exchanges.ask(Waiter(parse_query(packet), print), 0).message
    seen = read(message)
    assert message[12:].startswith(parse_query(packet).question)
    assert seen.id == 0xFFFE
    asked = sum(bit * header[flag] for flag, bit in (("rd", 0x100), ("ad", 0x20), ("cd", 0x10)))
    assert seen.flags == asked
    assert (seen.edns, seen.payload, seen.options) == (0, 1232, ())
    assert seen.ednsflags == (edns and bits["do"]) << 15 | (edns and bits["co"]) << 14
    assert len(message) == 12 + len(parse_query(packet).question) + 11


def test_each_try_has_an_id_and_a_channel_of_its_own():
    stage = play(["ask -> send 0", "wait 0.7 -> send 1", "wait 1.3 -> send 0"])
    assert len({(sent.channel, sent.message[:2]) for sent in stage.sent}) == 3


def test_an_id_in_use_is_not_used_again():
    bits = iter([5, 5, 5, 0x20005])
    found = Exchanges(1, 4, lambda _: next(bits))
    first = found.ask(Waiter(parse_query(query()), print), 0)
    second = found.ask(Waiter(parse_query(query("other.example")), print), 0)
    assert [(sent.channel, sent.message[:2]) for sent in (first, second)] == [
        (0, b"\0\5"), (2, b"\0\5"),
    ]  # fmt: skip


def test_exchanges_and_waiters_are_bounded(monkeypatch):
    monkeypatch.setattr(exchanges, "MOST_IN_FLIGHT", 2)
    monkeypatch.setattr(exchanges, "MOST_WAITERS", 2)
    play([
        "ask -> send 0", "ask other -> send 0", "ask do -> done failure", "ask -> -", "ask -> -",
        "reply to 0 -> done NOERROR x2", "ask do -> send 0",
    ])  # fmt: skip


ANYTHING = st.one_of(
    st.sampled_from([f"ask {which}" for which in ASKED]),
    st.builds(
        "reply to {} {} {}".format,
        st.integers(0, 99),
        st.sampled_from(["", "", *RCODES, "tc", "garbage"]),
        st.sampled_from(["", "", "", "id", "name", "short", "upper", "tc"]),
    ),
    st.sampled_from([f"tcp {what}" for what in ("fails", "answer", "servfail", "garbage", "tc")]),
    st.sampled_from([f"wait {seconds}" for seconds in (0, 0.3, 0.7, 1.3, 2.5, 6)]),
)


@given(st.integers(1, 3), st.lists(ANYTHING, max_size=40))
def test_every_exchange_ends_once_for_everyone_who_waits(upstreams, events):
    stage = Play(upstreams)
    asked = 0
    over = []
    for event in [*events, *["wait 2.5"] * 4]:
        verb, *words = event.split()
        if (verb == "reply" and not stage.sent) or (verb == "tcp" and not stage.tcp):
            continue
        if verb == "reply":
            words[1] = str(int(words[1]) % len(stage.sent))
        asked += verb == "ask"
        for command in stage.commands(verb, words):
            if isinstance(command, Done):
                over.append(command.exchange)
            else:
                stage.show(command)
    assert len(stage.exchanges) == 0
    assert not stage.exchanges._by_key
    assert len({id(exchange) for exchange in over}) == len(over)
    assert sum(len(exchange.waiters) for exchange in over) == asked
    assert all(exchange.tries <= len(exchanges.PATIENCE) for exchange in over)
    assert len(stage.sent) == sum(exchange.tries for exchange in over)
