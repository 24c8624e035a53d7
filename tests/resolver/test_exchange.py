"""Dialogues with upstreams, as tables of events and commands; and that every exchange ends.

A line reads `event -> command`; `-` is no command. Events:
    ask [other|upper|do|old] [hasty] [@N]  a client asks, of the prefix 198.18.N.0/24
    reply [to N] [WHAT]...       a datagram comes for the last one sent, or for the Nth
    stream [N] WHAT              a stream brought something for the last `stream` command, or
                                 fails, or had no place for it (`unsent`)
    icmp N                       the network refuses what went to upstream N
    flush                        all that was asked leaves; the next channel is drawn
    wait SECONDS                 time passes
"""

import itertools
import random
import struct
import weakref

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from blockd.resolver import exchange as exchanges
from blockd.resolver.exchange import Done, Exchanges, Waiter
from blockd.resolver.health import EXPLORE_BITS, ODD, SUSPICION
from blockd.resolver.inflight import UNSENT
from blockd.resolver.wire import parse_query
from blockd.terms import Strategy
from tests.resolver import messages
from tests.resolver.messages import query

ASKED = {
    "": {},
    "other": {"name": "other.example"},
    "upper": {"name": "WWW.Example", "number": 0x4321},
    "do": {"do": True},
    "old": {"edns": False, "rd": 0},
}
RCODES = {"nxdomain": 3, "servfail": 2, "refused": 5, "formerr": 1, "notimp": 4, "notauth": 9}
WHAT_RCODE = {number: word.upper() for word, number in RCODES.items()} | {0: "NOERROR"}
CHANNELS = 4


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
            case "name" if len(packet) > 13:
                packet[13] ^= 0x10
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
            case "bare":
                packet = packet[:4] + bytearray(8)
            case "garbage":
                packet = packet[:-3]
    return bytes(packet)


def drawn(seed=1):
    return random.Random(seed).getrandbits


class Play:
    """One set of exchanges, with the messages that it sent so far."""

    def __init__(self, upstreams="uu", strategy=Strategy.ORDERED, random_bits=None, **options):
        self.ids = itertools.count(1)
        self.exchanges = Exchanges(
            [kind == "s" for kind in upstreams], CHANNELS, random_bits or self.draw, strategy,
            **options,
        )  # fmt: skip
        self.now = 1000.0
        self.sent = []
        """Upstream, channel and message of each datagram."""
        self.streams = []
        self.answered = []
        self.exchanges.turn(self.now)

    def draw(self, bits):
        """Number the messages, and draw neither channels nor explorations."""
        if bits > 64:
            ids = [next(self.ids) % 0x10000 for _ in range(bits // 16)]
            return int.from_bytes(struct.pack(f"={len(ids)}H", *ids), "big")
        return 1 if bits == EXPLORE_BITS else 0

    def perform(self, event):
        verb, *words = event.split()
        found = [*self.commands(verb, words)]
        return ", ".join([*self.flushed(), *map(self.show, found)]) or "-"

    def commands(self, verb, words):
        found = self.exchanges
        if verb == "wait":
            self.now += float(words[0])
            return found.due(self.now)
        command = None
        if verb == "ask":
            what = "".join(word for word in words if word != "hasty" and word[0] != "@")
            site = next((int(word[1:]) for word in words if word[0] == "@"), 0)
            waiter = Waiter(
                parse_query(query(**ASKED[what])), self.took, hasty="hasty" in words,
                client=bytes((198, 18, site, 1)),
            )  # fmt: skip
            command = found.ask(waiter, self.now)
            displaced, found.displaced = found.displaced, []
            return [*displaced, *([command] if command is not None else [])]
        if verb == "reply":
            upstream, channel, message = (
                self.sent[int(words[1])] if "to" in words else self.sent[-1]
            )
            upstream = (upstream + ("upstream" in words)) % len(found.health)
            channel = (channel + ("channel" in words)) % CHANNELS
            command = found.received(upstream, channel, made_reply(message, words), self.now)
        elif verb == "stream":
            asked = self.streams[int(words[0]) if words[0].isdigit() else -1]
            none = {"fails": None, "unsent": UNSENT}
            packet = none[words[-1]] if words[-1] in none else made_reply(asked.message, words)
            command = found.by_stream(asked.exchange, asked.upstream, packet, self.now)
        elif verb == "icmp":
            upstream = int(words[0])
            busy = [channel for channel in range(CHANNELS) if not found.idle(upstream, channel)]
            return [done for each in busy for done in found.refused(upstream, each, self.now)]
        else:
            assert verb == "flush"
            found.turn(self.now)
        return [command] if command is not None else []

    def took(self, waiter, answer, now):
        assert now == self.now
        self.answered.append((waiter.query, answer))

    def flushed(self):
        """Take what is to be sent, and tell it."""
        shown = []
        for upstream, outbox in enumerate(self.exchanges.outbox):
            for message in outbox:
                self.sent.append((upstream, self.exchanges.channels.current, message))
                shown.append(f"send {upstream}" + ("" if message[11] else " plain"))
            outbox.clear()
        for command in self.exchanges.streams:
            self.streams.append(command)
            plain = "" if command.message[11] else " plain"
            shown.append(f"stream {command.upstream}{plain}")
        self.exchanges.streams.clear()
        shown += [f"join {joined.client[2]}" for joined in self.exchanges.joined]
        self.exchanges.joined.clear()
        return shown

    def show(self, command):
        assert isinstance(command, Done)
        answer = command.answer
        for waiter in command.waiters:
            waiter.done(waiter, answer, self.now)
        said = "stale" if answer is None else WHAT_RCODE[answer.rcode]
        if answer is not None and answer.options:
            said += f" {int.from_bytes(answer.options[4:6], 'big')}"
        count = len(command.waiters)
        return f"done {said}" + (f" x{count}" if count != 1 else "")


def play(lines, upstreams="uu", strategy=Strategy.ORDERED, **options):
    stage = Play(upstreams, strategy, **options)
    go_on(stage, lines)
    return stage


def go_on(stage, lines):
    for line in lines:
        event, _, expected = line.partition(" -> ")
        assert stage.perform(event) == (expected or "-"), line


DIALOGUES = {
    "an answer ends it": ["ask -> send 0", "reply -> done NOERROR", "reply -> -", "wait 9 -> -"],
    "a denial ends it": ["ask -> send 0", "reply nxdomain -> done NXDOMAIN", "ask -> send 0"],
    "the question's case may change": ["ask -> send 0", "reply upper -> done NOERROR"],
    "equal questions are asked once": [
        "ask -> send 0", "ask -> -", "ask upper -> -", "reply -> done NOERROR x3",
    ],
    "other questions are asked for themselves": [
        "ask -> send 0", "ask other -> send 0", "ask do -> send 0", "ask old -> send 0",
        "reply to 0 -> done NOERROR", "reply to 3 -> done NOERROR", "reply to 2 -> done NOERROR",
        "reply to 1 -> done NOERROR",
    ],
    "a lost datagram is sent again, to the next upstream": [
        "ask -> send 0", "wait 0.69 -> -", "wait 0.02 -> send 1", "reply -> done NOERROR",
        "wait 9 -> -",
    ],
    "a late answer to an earlier try counts": [
        "ask -> send 0", "wait 0.7 -> send 1", "reply to 0 -> done NOERROR", "reply to 1 -> -",
    ],
    "a late failure of an earlier try waits for the later one": [
        "ask -> send 0", "wait 0.7 -> send 1", "reply to 0 servfail -> -",
        "reply to 1 -> done NOERROR",
    ],
    "who joins late does not restart it": [
        "ask -> send 0", "wait 0.6 -> -", "ask -> -", "wait 0.1 -> send 1",
        "reply -> done NOERROR x2",
    ],
    "it ends after three tries": [
        "ask -> send 0", "wait 0.7 -> send 1", "wait 1.3 -> send 0", "ask -> -", "wait 2.3 -> -",
        "wait 0.2 -> done SERVFAIL 22 x2", "reply -> -", "wait 9 -> -", "ask -> send 0",
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
    "a failure is better than none": [
        "ask -> send 0", "reply refused -> send 1", "wait 1.3 -> send 1",
        "wait 2.4 -> done REFUSED",
    ],
    "a duplicate of a failure does not end it": [
        "ask -> send 0", "reply servfail -> send 1", "reply to 0 servfail -> -",
        "reply to 1 -> done NOERROR",
    ],
    "one lost datagram costs nothing where the other upstream fails": [
        "ask -> send 0", "wait 0.7 -> send 1", "reply servfail -> send 0",
        "reply -> done NOERROR",
    ],
    "a silent upstream is not waited for twice where the other one fails": [
        *["ask -> send 0", "wait 0.7 -> send 1", "reply -> done NOERROR", "flush"] * 3,
        "ask -> send 1", "reply servfail -> send 0", "wait 1.3 -> done SERVFAIL",
    ],
    "any other rcode is a failure, too": [
        "ask -> send 0", "reply notauth -> send 1", "reply notauth -> done NOTAUTH",
    ],
    "without EDNS where OPT is not understood": [
        "ask -> send 0", "reply formerr -> send 0 plain", "reply to 0 formerr -> -",
        "reply to 1 -> done NOERROR", "wait 9 -> -",
    ],
    "a header alone says so too": [
        "ask -> send 0", "reply formerr bare -> send 0 plain", "reply formerr bare -> -",
        "reply -> done NOERROR",
    ],
    "not implemented is taken the same way": [
        "ask -> send 0", "reply notimp bare -> send 0 plain", "wait 1.3 -> send 1",
        "reply notimp -> done NOTIMP",
    ],
    "the other upstream still gets EDNS": [
        "ask do -> send 0", "reply formerr -> send 0 plain", "reply servfail -> send 1",
        "reply -> done NOERROR",
    ],
    "no try is left to leave EDNS out": [
        "ask -> send 0", "wait 0.7 -> send 1", "wait 1.3 -> send 0",
        "reply formerr -> done FORMERR",
    ],
    "garbage uses a try up": [
        "ask -> send 0", "reply garbage -> send 1", "reply garbage -> send 0",
        "reply garbage -> done SERVFAIL 22",
    ],
    "the whole of a long answer comes by stream": [
        "ask -> send 0", "reply tc -> stream 0", "reply tc -> -", "ask -> join 0",
        "stream answer -> done NOERROR x2", "stream answer -> -", "wait 9 -> -",
    ],
    "a stream that fails uses a try up": [
        "ask -> send 0", "reply tc -> stream 0", "stream fails -> send 1", "reply tc -> stream 1",
        "stream short -> send 0", "reply tc -> stream 0", "stream name -> done SERVFAIL 23",
    ],
    "a slow stream is overtaken": [
        "ask -> send 0", "reply tc -> stream 0", "wait 0.7 -> send 1", "reply -> done NOERROR",
        "stream answer -> -", "stream fails -> -",
    ],
    "a slow stream's answer counts, whoever else was asked": [
        "ask -> send 0", "reply tc -> stream 0", "wait 0.7 -> send 1", "wait 1.3 -> -",
        "wait 0.1 -> -", "stream answer -> done NOERROR",
    ],
    "a slow stream that fails leaves it to the others": [
        "ask -> send 0", "reply tc -> stream 0", "wait 0.7 -> send 1", "stream fails -> -",
        "reply -> done NOERROR",
    ],
    "all that are slow are given up": [
        "ask -> send 0", "reply tc -> stream 0", "wait 0.7 -> send 1", "wait 1.3 -> -",
        "stream fails -> send 0", "wait 2.4 -> done SERVFAIL 23",
    ],
    "failures by stream count as others": [
        "ask -> send 0", "reply tc -> stream 0", "stream servfail -> send 1",
        "reply -> done NOERROR",
    ],
    "no try begins when it is too late for anybody": [
        "ask -> send 0", "reply tc -> stream 0", "wait 0.7 -> send 1", "reply tc -> stream 1",
        "wait 1.8 -> -", "stream 0 fails -> -", "wait 2.0 -> -",
        "stream 1 fails -> done SERVFAIL 23",
    ],
    "the next is asked at once where the network refuses": [
        "ask -> send 0", "icmp 0 -> send 1", "icmp 0 -> -", "reply -> done NOERROR",
    ],
    "where all are refused it is tried again later": [
        "ask -> send 0", "icmp 0 -> send 1", "icmp 1 -> -", "wait 1.2 -> -", "wait 0.1 -> send 0",
        "icmp 0 -> -", "wait 2.4 -> done SERVFAIL 23",
    ],
    "a refusal concerns all that went there": [
        "ask -> send 0", "ask other -> send 0", "icmp 0 -> send 1, send 1",
        "reply -> done NOERROR",
    ],
    "a silent upstream is asked last": [
        *["ask -> send 0", "wait 0.7 -> send 1", "reply -> done NOERROR", "flush"] * 3,
        "ask -> send 1", "wait 0.7 -> send 0", "reply -> done NOERROR", "flush",
        "ask -> send 0", "reply -> done NOERROR",
    ],
    "a silent upstream is probed beside another one": [
        *["ask -> send 0", "wait 0.7 -> send 1", "reply -> done NOERROR", "flush"] * 3,
        "wait 0.9", "flush", "ask -> send 1", "reply -> done NOERROR", "flush",
        "wait 0.2", "flush", "flush", "ask other -> send 0, send 1", "reply to 7 -> done NOERROR",
        "flush", "ask other -> send 0", "reply -> done NOERROR",
    ],
    "a probe that is answered late is answered all the same": [
        *["ask -> send 0", "wait 0.7 -> send 1", "reply -> done NOERROR", "flush"] * 3,
        "wait 1", "flush", "ask -> send 0, send 1", "reply -> done NOERROR", "flush",
        "reply to 6 id -> -", "reply to 6 name -> -", "reply to 0 -> -", "flush",
        "ask -> send 1", "reply -> done NOERROR", "reply to 6 -> -", "flush", "ask -> send 0",
    ],
    "a probe is not needed when it has answered meanwhile": [
        *["ask -> send 0", "wait 0.7 -> send 1", "reply -> done NOERROR", "flush"] * 3,
        "ask -> send 1", "wait 0.7 -> send 0", "wait 0.5", "flush", "reply -> done NOERROR",
        "ask -> send 1",
    ],
    "a probe in vain costs nobody an answer, and the next comes later": [
        *["ask -> send 0", "wait 0.7 -> send 1", "reply -> done NOERROR", "flush"] * 3,
        "wait 1", "flush", "ask -> send 0, send 1", "reply -> done NOERROR", "flush",
        "wait 1.9", "flush", "ask -> send 1", "reply -> done NOERROR",
        "wait 0.2", "flush", "ask -> send 0, send 1", "reply -> done NOERROR",
    ],
}  # fmt: skip


@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=DIALOGUES)
def test_dialogues(lines):
    play(lines)


ALONE = {
    "its failure is passed on": ["ask -> send 0", "reply servfail -> done SERVFAIL"],
    "one lost datagram costs nothing": [
        "ask -> send 0", "wait 0.7 -> send 0", "reply -> done NOERROR", "reply to 0 -> -",
    ],
    "nor do two": [
        "ask -> send 0", "wait 0.7 -> send 0", "wait 1.3 -> send 0", "reply -> done NOERROR",
    ],
    "it is asked three times": [
        "ask -> send 0", "wait 0.7 -> send 0", "wait 1.3 -> send 0",
        "wait 2.4 -> done SERVFAIL 22",
    ],
    "it is asked though it is silent": [
        "ask -> send 0", "wait 0.7 -> send 0", "wait 1.3 -> send 0",
        "wait 2.4 -> done SERVFAIL 22", "flush", "ask -> send 0", "reply -> done NOERROR",
    ],
    "a refusal may be over the next time": [
        "ask -> send 0", "icmp 0 -> -", "wait 0.7 -> send 0", "reply -> done NOERROR",
    ],
    "a second truncated answer begins no second stream": [
        "ask -> send 0", "wait 0.7 -> send 0", "reply to 1 tc -> stream 0", "reply to 0 tc -> -",
        "wait 1.3 -> -", "stream answer -> done NOERROR",
    ],
    "nothing is sent again while a stream is waited for": [
        "ask -> send 0", "reply tc -> stream 0", "wait 2.4 -> -", "stream fails -> send 0",
        "wait 1.3 -> send 0", "wait 2.4 -> done SERVFAIL 23",
    ],
}  # fmt: skip


@pytest.mark.parametrize("lines", ALONE.values(), ids=ALONE)
def test_a_single_upstream(lines):
    play(lines, "u")


SILENT = [
    "ask -> send 0", "ask old -> send 0", "wait 0.7 -> send 0, send 0",
    "wait 1.3 -> send 0, send 0", "wait 2.4 -> done SERVFAIL 22, done SERVFAIL 22", "flush",
]  # fmt: skip
REFUSED = [
    "ask -> send 0", "ask old -> send 0", "icmp 0 -> -", "wait 0.7 -> send 0, send 0",
    "icmp 0 -> -", "wait 1.31 -> send 0, send 0",
    "icmp 0 -> done SERVFAIL 23, done SERVFAIL 23",
    "wait 2.41 -> done SERVFAIL 23 x0, done SERVFAIL 23 x0", "flush",
]  # fmt: skip
IN_VAIN = {
    "who asks is told soon, and the question goes on": [
        *SILENT, "ask other -> send 0", "wait 0.7 -> send 0", "wait 0.2 -> -",
        "wait 0.1 -> done SERVFAIL 22", "ask other -> done SERVFAIL 22", "wait 1.0 -> send 0",
        "ask other hasty -> done SERVFAIL 22", "reply -> done NOERROR x0", "flush",
        "ask other -> send 0", "wait 0.7 -> send 0", "wait 1.3 -> send 0",
    ],
    "an end without an answer is the last word": [
        *SILENT, "ask other -> send 0", "wait 0.7 -> send 0", "wait 0.3 -> done SERVFAIL 22",
        "wait 1.0 -> send 0", "wait 2.4 -> done SERVFAIL 22 x0",
    ],
    "one lost datagram costs nothing there either": [
        *SILENT, "ask other -> send 0", "wait 0.7 -> send 0", "reply -> done NOERROR",
        "wait 0.3 -> -",
    ],
    "whoever waits when it is back waits on": [
        *SILENT, "ask other -> send 0", "ask do -> send 0", "reply -> done NOERROR",
        "wait 0.7 -> send 0", "wait 0.4 -> -", "wait 0.9 -> send 0", "reply -> done NOERROR",
    ],
    "a slow one is none": [
        "ask -> send 0", "ask do -> send 0", "ask old -> send 0",
        "wait 0.7 -> send 0, send 0, send 0", "flush", "ask other -> send 0",
        "wait 1.3 -> send 0, send 0, send 0, send 0", "reply to 0 -> done NOERROR",
        "wait 1.0 -> -", "reply to 6 -> done NOERROR",
    ],
    "where the network refuses they are told why, and the question goes on": [
        *REFUSED, "ask other -> send 0", "icmp 0 -> -", "wait 0.7 -> send 0", "icmp 0 -> -",
        "wait 0.3 -> done SERVFAIL 23", "ask other -> done SERVFAIL 23", "wait 1.0 -> send 0",
        "icmp 0 -> -", "reply -> done NOERROR x0",
    ],
    "forged refusals take no answer away": [
        *REFUSED, "ask other -> send 0", *["icmp 0 -> -"] * 9, "wait 0.3 -> -",
        "reply -> done NOERROR", *["icmp 0 -> -"] * 9, "ask do -> send 0", "wait 0.7 -> send 0",
        "wait 0.4 -> -", "icmp 0 -> -", "reply -> done NOERROR",
    ],
    "a name that nobody can resolve says nothing of the others": [
        "ask -> send 0", "wait 0.7 -> send 0", "wait 1.3 -> send 0",
        "wait 2.4 -> done SERVFAIL 22", "flush", "ask other -> send 0", "wait 0.7 -> send 0",
        "wait 0.7 -> -", "reply -> done NOERROR",
    ],
    "refusals in a burst are none: it may be starting again": [
        "ask -> send 0", "ask other -> send 0", "ask do -> send 0", "icmp 0 -> -", "icmp 0 -> -",
        "icmp 0 -> -", "ask old -> send 0", "icmp 0 -> -",
        "wait 0.7 -> send 0, send 0, send 0, send 0", "reply -> done NOERROR",
    ],
}  # fmt: skip


@pytest.mark.parametrize("lines", IN_VAIN.values(), ids=IN_VAIN)
def test_an_only_upstream_that_is_known_not_to_answer(lines):
    play(lines, "u")


BOTH_SILENT = [
    "ask -> send 0", "ask other -> send 0", "ask do -> send 0",
    "wait 0.7 -> send 1, send 1, send 1", "wait 1.3 -> send 0, send 0, send 0",
    "wait 2.4 -> done SERVFAIL 22, done SERVFAIL 22, done SERVFAIL 22", "wait 0.4", "flush",
]  # fmt: skip


def test_all_that_are_silent_keep_nobody_waiting():
    play([
        *BOTH_SILENT, "ask -> send 0, send 1", "wait 0.7 -> send 0", "wait 0.3 -> done SERVFAIL 22",
        "ask -> done SERVFAIL 22", "reply -> done NOERROR x0",
    ])  # fmt: skip


def test_one_that_answers_is_enough_to_wait_for():
    play([
        *BOTH_SILENT, "ask -> send 0, send 1", "reply to 10 -> done NOERROR", "flush",
        "ask other -> send 1", "wait 0.7 -> send 0", "wait 0.4 -> -", "wait 0.9 -> send 1",
        "reply -> done NOERROR",
    ])  # fmt: skip


STREAMS = {
    "are asked at once": ["ask -> stream 0", "stream answer -> done NOERROR"],
    "share the work": [
        "ask -> stream 0", "stream refused -> stream 1", "stream answer -> done NOERROR",
    ],
    "are overtaken by one another": [
        "ask -> stream 0", "wait 0.7 -> stream 1", "stream 1 answer -> done NOERROR",
    ],
    "may say FORMERR with a header alone": [
        "ask -> stream 0", "stream formerr bare -> stream 0 plain",
        "stream formerr bare -> stream 1", "stream answer -> done NOERROR",
    ],
    "end it when all have failed": [
        "ask -> stream 0", "stream fails -> stream 1", "stream fails -> stream 0",
        "stream fails -> done SERVFAIL 23",
    ],
    "are told of each client that joins, while they have to answer": [
        "ask @1 -> stream 0", "ask @2 -> join 2", "ask @2 -> join 2", "stream fails -> stream 1",
        "ask @3 -> join 3", "stream answer -> done NOERROR x4", "ask @2 -> stream 0",
    ],
    "end it when none had a place": [
        "ask -> stream 0", "stream unsent -> stream 1", "stream unsent -> stream 0",
        "stream unsent -> done SERVFAIL 22",
    ],
    "are silent like others": [
        *["ask -> stream 0", "stream fails -> stream 1", "stream answer -> done NOERROR", "flush"]
        * 3,
        "ask -> stream 1", "stream answer -> done NOERROR",
    ],
}  # fmt: skip


@pytest.mark.parametrize("lines", STREAMS.values(), ids=STREAMS)
def test_upstreams_by_stream(lines):
    play(lines, "ss")


@pytest.mark.parametrize(
    ("upstreams", "lines", "own"),
    [
        ("s", ["ask -> stream 0", "stream unsent -> stream 0", "stream unsent -> stream 0"], True),
        ("s", ["ask -> stream 0", "stream fails -> stream 0", "stream unsent -> stream 0"], False),
        ("us", ["ask -> send 0", "wait 0.7 -> stream 1", "stream unsent -> send 0",
                "reply tc -> stream 0"], False),
    ],
)  # fmt: skip
def test_a_question_that_never_left_says_nothing_of_its_name_nor_of_an_upstream(
    upstreams, lines, own
):
    stage = play(lines, upstreams)
    command = stage.exchanges.by_stream(stage.streams[-1].exchange, 0, UNSENT, stage.now)
    assert (command.own, command.answer.lifetime) == (own, 0 if own else exchanges.FAILURE_TTL)
    assert stage.exchanges.crowded_out == own
    if own:
        assert [health.timeouts for health in stage.exchanges.health] == [0]


def test_what_is_fetched_ahead_joins_nobody():
    stage = play(["ask @1 -> stream 0"], "s")
    stage.exchanges.ask(Waiter(parse_query(query()), stage.took), stage.now)
    assert not stage.exchanges.joined


PARALLEL = {
    "the first answer wins": [
        "ask -> send 0, send 1, send 2", "reply to 1 -> done NOERROR", "reply to 0 -> -",
    ],
    "a failure waits for a better one": [
        "ask -> send 0, send 1, send 2", "reply to 2 servfail -> -", "reply to 0 refused -> -",
        "reply to 1 -> done NOERROR",
    ],
    "when all have failed the fourth is asked": [
        "ask -> send 0, send 1, send 2", "reply to 2 servfail -> -", "reply to 0 refused -> -",
        "reply to 1 servfail -> send 3", "reply refused -> done REFUSED",
    ],
    "who sent garbage is asked again": [
        "ask -> send 0, send 1, send 2", "reply to 2 servfail -> -", "reply to 0 refused -> -",
        "reply to 1 garbage -> send 3", "reply servfail -> send 1", "reply -> done NOERROR",
    ],
    "a refusal asks the fourth beside them": [
        "ask -> send 0, send 1, send 2", "icmp 1 -> send 3", "reply to 0 -> done NOERROR",
    ],
    "each that does not know EDNS is asked without": [
        "ask -> send 0, send 1, send 2", "reply to 0 formerr -> -", "reply to 1 formerr bare -> -",
        "reply to 2 notimp -> send 0 plain, send 1 plain, send 2 plain",
        "reply -> done NOERROR",
    ],
    "each has a stream of its own": [
        "ask -> send 0, send 1, send 2", "reply to 0 tc -> stream 0", "reply to 1 tc -> stream 1",
        "stream 0 fails -> -", "reply to 2 -> done NOERROR", "stream 1 answer -> -",
    ],
    "a stream's failure leaves it to the others": [
        "ask -> send 0, send 1, send 2", "reply to 0 tc -> stream 0", "stream servfail -> -",
        "reply to 2 -> done NOERROR",
    ],
    "a stream that fails when the others are overdue goes on": [
        "ask -> send 0, send 1, send 2", "reply to 0 tc -> stream 0", "wait 0.7 -> send 3",
        "wait 1.3 -> -", "stream servfail -> send 1, send 2, send 3",
        "wait 2.4 -> done SERVFAIL",
    ],
    "nobody answers": [
        "ask -> send 0, send 1, send 2", "wait 0.7 -> send 3", "wait 1.3 -> send 0, send 1, send 2",
        "wait 2.4 -> done SERVFAIL 22",
    ],
}  # fmt: skip


@pytest.mark.parametrize("lines", PARALLEL.values(), ids=PARALLEL)
def test_upstreams_in_parallel(lines):
    play(lines, "uuuu", Strategy.PARALLEL)


def test_a_stream_among_them_that_fails_late_ends_it():
    play([
        "ask -> send 0, stream 1", "wait 0.7 -> -", "stream fails -> send 0, stream 1",
        "wait 1.3 -> -", "stream servfail -> send 0", "wait 2.4 -> done SERVFAIL",
    ], "us", Strategy.PARALLEL)  # fmt: skip


HASTY = {
    "a slow answer gives stale data, and is still taken": [
        "ask hasty -> send 0", "wait 0.7 -> send 0", "wait 1.0 -> -", "wait 0.1 -> done stale",
        "reply -> done NOERROR x0",
    ],
    "a quick one does not": [
        "ask hasty -> send 0", "reply -> done NOERROR", "wait 1.8 -> -",
    ],
    "others wait on": [
        "ask -> send 0", "ask hasty -> -", "ask hasty -> -", "wait 0.7 -> send 0",
        "wait 1.1 -> done stale x2", "reply -> done NOERROR",
    ],
    "who comes when it takes long already need not wait": [
        "ask -> send 0", "wait 0.7 -> send 0", "wait 1.1 -> -", "ask hasty -> done stale",
        "ask -> -", "reply -> done NOERROR x2",
    ],
    "who comes later than the first waits its own time": [
        "ask -> send 0", "wait 0.7 -> send 0", "ask hasty -> -", "wait 1.3 -> send 0",
        "wait 0.6 -> done stale", "wait 1.8 -> done SERVFAIL 22",
    ],
    "a failure comes without stale data, which the engine has": [
        "ask hasty -> send 0", "reply servfail -> done SERVFAIL",
    ],
}  # fmt: skip


@pytest.mark.parametrize("lines", HASTY.values(), ids=HASTY)
def test_stale_data_when_it_takes_long(lines):
    play(lines, "u")


def test_without_upstreams_the_answer_is_a_failure_at_once():
    play(["ask -> done SERVFAIL 22"], "")


def fastest(upstreams=3, random_bits=None):
    stage = Play("u" * upstreams, Strategy.FASTEST, random_bits)
    for _ in range(upstreams):  # each is tried once, since nothing is known of it
        answer_after(stage, [0.05, 0.02, 0.03])
    return stage


def answer_after(stage, seconds):
    stage.perform("ask")
    asked = stage.sent[-1][0]
    stage.now += seconds[asked]
    assert stage.perform("reply") == "done NOERROR"
    stage.perform("flush")
    return asked


def test_the_fastest_is_asked_once_all_are_known():
    stage = fastest()
    assert [asked for asked, _, _ in stage.sent] == [0, 1, 2]
    assert [answer_after(stage, [0.05, 0.02, 0.03]) for _ in range(5)] == [1] * 5
    assert stage.perform("ask") == "send 1"
    assert stage.perform("wait 0.7") == "send 2"
    assert stage.perform("wait 1.3") == "send 0"


def test_one_that_became_faster_is_found_by_exploring():
    stage = fastest(random_bits=drawn())
    asked = [answer_after(stage, [0.001, 0.02, 0.03]) for _ in range(2000)]
    assert 0.001 <= asked[:200].count(0) / 200 < 0.2
    assert asked[-200:].count(0) > 150
    assert 2 in asked[3:]


def test_one_that_became_slower_is_left():
    stage = fastest()
    asked = [answer_after(stage, [0.05, 0.2, 0.03]) for _ in range(30)]
    assert asked[-20:] == [2] * 20


def test_one_that_loses_questions_is_left_though_it_is_quick_otherwise():
    stage = fastest()
    for _ in range(3):
        assert stage.perform("ask") == "send 1"
        assert stage.perform("wait 0.7") == "send 2"
        assert stage.perform("reply") == "done NOERROR"
        stage.perform("flush")
        if stage.exchanges._order[0] != 1:
            break
    assert stage.exchanges._order == [2, 0, 1]
    assert not stage.exchanges.health[1].silent


def test_a_late_answer_is_not_taken_for_a_quick_one():
    stage = play(["ask -> send 0", "wait 0.7 -> send 1", "wait 0.05", "reply to 0 -> done NOERROR"])
    # 0.7 s was waited in vain, then it took 0.75 s.
    assert stage.exchanges.health[0].rtt == pytest.approx(0.7 + 0.05 / 8)


FORGERIES = [
    "id", "channel", "upstream", "name", "type", "class", "query", "opcode", "questions",
    "headless", "short", "tc id", "tc name", "nxdomain id", "servfail channel", "garbage id",
    "bare", "servfail bare", "formerr bare id", "formerr bare channel",
]  # fmt: skip


@pytest.mark.parametrize("what", FORGERIES)
def test_what_answers_nothing_that_was_asked_is_ignored_and_counted(what):
    stage = play(["ask -> send 0", f"reply {what} -> -", f"reply {what} -> -"])
    assert stage.exchanges.mismatched == 2
    assert stage.perform("reply") == "done NOERROR"
    assert stage.exchanges.health[0].answered == 1


def test_a_burst_of_guesses_moves_the_questions_to_streams_for_a_while():
    stage = play(["ask -> send 0", "ask other -> send 0", *["reply id -> -"] * (ODD - 1)], "u")
    go_on(stage, [
        "reply id -> stream 0, stream 0", "reply -> -", "reply to 0 -> -", "ask do -> stream 0",
        "stream 0 answer -> done NOERROR", "stream 1 answer -> done NOERROR",
        "stream 2 answer -> done NOERROR",
    ])  # fmt: skip
    go_on(stage, [f"wait {SUSPICION}", "ask -> send 0", "reply -> done NOERROR"])


def test_guesses_at_one_upstream_move_its_questions_alone():
    stage = play(
        ["ask -> send 0, send 1", *["reply to 0 id -> -"] * (ODD - 1)], "uu", Strategy.PARALLEL
    )
    go_on(stage, ["reply to 0 id -> stream 0", "reply to 0 -> -", "reply to 1 -> done NOERROR"])


def test_a_question_that_was_moved_ends_though_its_stream_fails():
    stage = play(["ask -> send 0", *["reply id -> -"] * (ODD - 1), "reply id -> stream 0"], "u")
    go_on(stage, [
        "wait 0.7 -> -", "stream fails -> stream 0", "stream fails -> stream 0",
        "stream fails -> done SERVFAIL 23",
    ])  # fmt: skip


@pytest.mark.parametrize("seconds", [0.8, 2.5])
def test_late_duplicates_of_a_slow_upstream_are_no_guesses(seconds):
    stage = Play("u")
    questions = [parse_query(query(f"n{number}.example")) for number in range(200)]
    for asked in questions:
        stage.exchanges.ask(Waiter(asked, stage.took), stage.now)
        stage.flushed()
    coming = [(stage.now + seconds, *sent) for sent in stage.sent]
    while coming:
        stage.now += 0.1
        before = len(stage.sent)
        stage.exchanges.due(stage.now)
        stage.flushed()
        coming += [(stage.now + seconds, *sent) for sent in stage.sent[before:]]
        for when, upstream, channel, message in coming:
            if when <= stage.now:
                stage.exchanges.received(upstream, channel, made_reply(message, []), stage.now)
        coming = [each for each in coming if each[0] > stage.now]
    assert len(stage.exchanges) == 0
    assert stage.exchanges.mismatched >= 200
    assert not stage.streams
    assert stage.exchanges.health[0].suspected_until == 0


def test_health_counts_what_each_upstream_did():
    stage = play([
        "ask -> send 0", "wait 0.7 -> send 1", "reply -> done NOERROR", "ask -> send 0",
        "reply -> done NOERROR",
    ])  # fmt: skip
    seen = [(h.sent, h.answered, h.timeouts, h.failures) for h in stage.exchanges.health]
    assert seen == [(2, 1, 1, 0), (1, 1, 0, 0)]


def test_a_time_out_is_counted_once_and_for_whom_it_concerns():
    stage = play(
        [
            "ask -> send 0",
            "wait 0.7 -> send 1",
            "wait 1.3 -> send 0",
            "wait 2.4 -> done SERVFAIL 22",
        ]
    )
    assert [health.timeouts for health in stage.exchanges.health] == [2, 1]


@pytest.mark.parametrize(
    ("lines", "lifetime"),
    [
        (["reply servfail -> done SERVFAIL"], 5),
        (["reply refused -> done REFUSED"], 5),
        (["reply notauth -> done NOTAUTH"], 5),
        (["reply -> done NOERROR"], 60),
        (["wait 0.7 -> send 0", "wait 1.3 -> send 0", "wait 2.4 -> done SERVFAIL 22"], 5),
    ],
)
def test_failures_have_a_lifetime_too(lines, lifetime):
    stage = play(["ask -> send 0", *lines], "u")
    ((_, answer),) = stage.answered
    assert answer.lifetime == lifetime
    assert 1 <= exchanges.FAILURE_TTL <= 300  # RFC 9520 3.2


def test_in_random_case_the_question_is_compared_exactly():
    stage = Play("u", random_case=True, random_bits=drawn())
    go_on(stage, ["ask -> send 0", "ask other -> send 0"])
    written = stage.sent[0][2][12:29]
    assert written.lower() == b"\3www\7example\0\0\1\0\1"
    assert not written.islower()
    go_on(stage, ["reply to 0 name -> -", "wait 0.7 -> send 0, send 0"])
    assert stage.sent[2][2][12:29] == written  # again in the same case
    go_on(stage, ["reply to 2 -> done NOERROR", "reply to 1 tc -> stream 0"])
    ((asked, _),) = stage.answered
    assert asked.question == b"\3www\7example\0\0\1\0\1"


@pytest.mark.parametrize(
    "lines",
    [
        [
            "ask -> send 0", "reply upper -> stream 0", "reply -> -", "reply upper -> -",
            "wait 0.7 -> -", "stream upper -> done NOERROR",
        ],
        [  # once for both tries, and once more where the stream fails
            "ask -> send 0", "wait 0.7 -> send 0", "reply to 0 upper -> stream 0",
            "reply to 1 upper -> -", "stream fails -> send 0", "reply upper servfail -> stream 0",
            "stream servfail -> done SERVFAIL",
        ],
    ],
)  # fmt: skip
def test_an_answer_in_another_case_is_asked_for_by_stream_whose_case_is_its_own(lines):
    stage = play(lines, "u", random_case=True, random_bits=drawn())
    assert stage.exchanges.mismatched == sum("reply" in line for line in lines)
    assert stage.exchanges.health[0].timeouts == sum("fails" in line for line in lines) * 2


def test_a_stream_alone_may_answer_in_its_own_case():
    play(
        ["ask -> stream 0", "stream name -> stream 0", "stream upper -> done NOERROR"],
        "s", random_case=True, random_bits=drawn(),
    )  # fmt: skip


@pytest.mark.parametrize("allowed", [False, True])
def test_a_clients_subnet_goes_with_its_question_where_that_is_allowed(allowed):
    stage = Play("u", client_subnet=allowed)
    packet = query(options=[(8, b"\0\1\x18\0\xc6\x12\0"), (10, b"12345678")])
    stage.exchanges.ask(Waiter(parse_query(packet), stage.took), stage.now)
    stage.flushed()
    message = stage.sent[0][2]
    assert message.endswith(b"\0\x08\0\7\0\1\x18\0\xc6\x12\0") == allowed
    assert b"12345678" not in message


def test_ids_and_channels_are_those_of_the_source_of_randomness():
    stage = Play("u", random_bits=drawn(5))
    for number in range(4000):
        asked = parse_query(query(f"n{number}.example"))
        stage.exchanges.ask(Waiter(asked, stage.took), stage.now)
        stage.perform("flush")
    ids = {message[:2] for _, _, message in stage.sent}
    assert len(ids) > 3700
    assert {each[0] for each in ids} == set(range(256)) == {each[1] for each in ids}
    counts = [sum(channel == each for _, channel, _ in stage.sent) for each in range(CHANNELS)]
    assert min(counts) > 850
    again = Play("u", random_bits=drawn(6))
    again.perform("ask")
    assert again.sent[0][2][:2] != stage.sent[0][2][:2]


def test_an_id_in_use_is_not_used_again_on_its_channel():
    ids = "0006" + 255 * "0005"
    stage = Play("u", random_bits=lambda bits: int(ids, 16) if bits > 64 else 0)
    first, second = (parse_query(query(name)) for name in ("a.example", "b.example"))
    for asked in (first, second):
        stage.exchanges.ask(Waiter(asked, stage.took), stage.now)
    stage.flushed()
    assert sorted(sum(message[:2]) for _, _, message in stage.sent) == [5, 6]


def test_an_id_that_is_used_again_is_the_later_questions():
    stage = play([
        "ask -> send 0", "reply servfail -> send 1", "ask other -> send 0",
        "reply to 1 -> done NOERROR", "reply to 2 -> done NOERROR",
    ], random_bits=lambda bits: int("0005" * (bits // 16), 16) if bits > 64 else 0)  # fmt: skip
    assert {message[:2] for _, _, message in stage.sent} == {stage.sent[0][2][:2]}


@pytest.mark.parametrize("resting", range(CHANNELS))
def test_nothing_is_sent_on_a_channel_that_rests(resting):
    stage = Play("u", random_bits=drawn())
    stage.exchanges.channels.resting = resting
    seen = set()
    for _ in range(100):
        stage.exchanges.turn(stage.now)
        seen.add(stage.exchanges.channels.current)
    assert seen == set(range(CHANNELS)) - {resting}


def test_a_channel_is_idle_when_nothing_is_awaited_there():
    stage = Play("u")
    assert all(stage.exchanges.idle(0, channel) for channel in range(CHANNELS))
    stage.exchanges.ask(Waiter(parse_query(query()), stage.took), stage.now)
    assert not any(stage.exchanges.idle(0, channel) for channel in range(CHANNELS))
    stage.flushed()
    assert [stage.exchanges.idle(0, channel) for channel in range(CHANNELS)] == [False] + [True] * 3
    stage.perform("reply")
    assert stage.exchanges.idle(0, 0)


CROWDS = {
    "one prefix changes places with itself alone, once the first try is over": [
        "ask @1 -> send 0", "ask other @1 -> send 0", "ask do @1 -> done SERVFAIL 22",
        "wait 0.6 -> -", "ask do @1 -> done SERVFAIL 22",
        "wait 0.11 -> send 1, send 1", "ask do @1 -> send 0, done SERVFAIL 22",
        "reply to 0 -> -", "reply to 1 -> done NOERROR", "reply -> done NOERROR",
    ],
    "who holds more makes room for who holds less, and by its latest": [
        "ask @1 -> send 0", "ask other @1 -> send 0", "ask do @2 -> send 0, done SERVFAIL 22",
        "reply to 1 -> -", "reply to 0 -> done NOERROR", "reply to 2 -> done NOERROR",
    ],
    "or by its oldest where that was not answered in time": [
        "ask @1 -> send 0", "wait 0.3 -> -", "ask other @1 -> send 0", "wait 0.5 -> send 1",
        "ask do @2 -> send 0, done SERVFAIL 22", "reply to 0 -> -", "reply to 1 -> done NOERROR",
    ],
    "where each holds one, whose first try is over makes room": [
        "ask @1 -> send 0", "ask other @2 -> send 0", "ask do @3 -> done SERVFAIL 22",
        "wait 0.71 -> send 1, send 1", "ask do @3 -> send 0, done SERVFAIL 22",
        "reply to 0 -> -", "reply to 1 -> done NOERROR", "reply to 4 -> done NOERROR",
    ],
    "who joins a question goes with it": [
        "ask @1 -> send 0", "ask other @1 -> send 0", "ask other @2 -> -",
        "ask do @3 -> send 0, done SERVFAIL 22 x2", "wait 0.71 -> send 1, send 1",
        "ask other @2 -> send 0, done SERVFAIL 22",
    ],
    "what is asked again after it made room is another question": [
        "ask @1 -> send 0", "wait 0.3 -> -", "ask other @1 -> send 0",
        "ask do @2 -> send 0, done SERVFAIL 22", "wait 0.2 -> -", "reply to 0 -> done NOERROR",
        "ask other @1 -> send 0", "wait 0.19 -> -", "wait 0.02 -> -",
        "wait 0.3 -> send 1", "wait 0.2 -> send 1",
    ],
}  # fmt: skip


@pytest.mark.parametrize("lines", CROWDS.values(), ids=CROWDS)
def test_who_makes_room_where_there_is_none(lines, monkeypatch):
    monkeypatch.setattr(exchanges, "MOST_IN_FLIGHT", 2)
    monkeypatch.setattr(exchanges, "CROWDED", 2)
    stage = play(lines)
    failures = [answer for _, answer in stage.answered if answer.failed]
    # Such a failure says nothing of the name, so that it is not kept.
    assert {answer.lifetime for answer in failures} == {0}
    assert stage.exchanges.crowded_out == sum("SERVFAIL" in line for line in lines)


def test_what_nobody_waits_for_any_more_makes_room_first(monkeypatch):
    monkeypatch.setattr(exchanges, "MOST_IN_FLIGHT", 3)
    monkeypatch.setattr(exchanges, "CROWDED", 2)
    stage = Play("u")
    (health,) = stage.exchanges.health
    health.failures, health.questions, health.failing_since = 5, 5, stage.now - 10
    go_on(stage, [
        "ask @1 -> send 0", "wait 0.5 -> -", "ask other @2 -> send 0", "ask do @2 -> send 0",
        "wait 0.25 -> send 0", "wait 0.26 -> done SERVFAIL 22",
        "ask old @2 -> send 0, done SERVFAIL 22 x0", "ask @2 -> done SERVFAIL 22",
    ])  # fmt: skip


def test_nobody_counts_while_there_is_room(monkeypatch):
    monkeypatch.setattr(exchanges, "CROWDED", 4)
    monkeypatch.setattr(exchanges, "MOST_IN_FLIGHT", 8)
    stage = Play("u")

    def counted():
        return stage.exchanges._shares is not None

    asked = [f"ask {which} @1" for which in ("", "other", "do", "old")]
    for event in asked:
        stage.perform(event)
        assert not counted()
    stage.exchanges.ask(Waiter(parse_query(query("more.example")), stage.took), stage.now)
    assert counted()
    stage.flushed()
    for number, left in enumerate(range(4, -1, -1)):
        stage.perform(f"reply to {number}")
        assert len(stage.exchanges) == left
        assert counted() == (left >= 2)


def test_waiters_are_bounded(monkeypatch):
    monkeypatch.setattr(exchanges, "MOST_WAITERS", 2)
    stage = play([
        "ask -> send 0", "ask -> -", "ask -> done SERVFAIL 22", "reply -> done NOERROR x2",
        "ask -> send 0",
    ])  # fmt: skip
    assert [answer.lifetime for _, answer in stage.answered] == [0, 60, 60]


def answered_at_once(stage, name, *, hasty):
    """Have a question asked and answered; returns a weak reference to who asked."""

    def took(_waiter, _answer, _now):
        """Stand for all that a client's question holds."""

    stage.exchanges.ask(Waiter(parse_query(query(name)), took, hasty=hasty), stage.now)
    stage.flushed()
    upstream, channel, message = stage.sent[-1]
    packet = made_reply(message, [])
    assert stage.exchanges.received(upstream, channel, packet, stage.now) is not None
    return weakref.ref(took)


def test_what_is_over_is_not_held_until_its_time_would_have_been_up():
    stage = Play("u")
    found = [
        answered_at_once(stage, f"n{number}.example", hasty=number % 2 == 0) for number in range(20)
    ]
    assert [each() for each in found] == [None] * 20
    assert stage.perform("wait 5") == "-"
    assert not any(stage.exchanges._due)
    assert not stage.exchanges._early


@pytest.mark.parametrize(
    "lines",
    [
        [  # the first one's time would be up 0.7 seconds after the beginning
            "ask -> send 0", "wait 0.3 -> -", "reply -> done NOERROR", "ask -> send 0",
            "wait 0.5 -> -", "wait 0.19 -> -", "wait 0.02 -> send 1",
            "wait 1.29 -> -", "wait 0.02 -> send 0",
        ],
        [  # and that of its second try after 2.0
            "ask -> send 0", "wait 0.7 -> send 1", "reply -> done NOERROR", "ask -> send 0",
            "wait 0.7 -> send 1", "wait 0.7 -> -", "wait 0.59 -> -", "wait 0.02 -> send 0",
        ],
        [  # twice over
            "ask -> send 0", "wait 0.1 -> -", "reply -> done NOERROR", "ask -> send 0",
            "wait 0.1 -> -", "reply -> done NOERROR", "ask -> send 0", "wait 0.6 -> -",
            "wait 0.09 -> -", "wait 0.02 -> send 1",
        ],
    ],
)  # fmt: skip
def test_a_question_that_is_asked_once_more_has_a_time_of_its_own(lines):
    stage = play(lines)
    assert stage.exchanges.health[0].timeouts == sum(
        "wait" in line and "send" in line and line[-1] == "1" for line in lines
    )


WHATS = ["", "", "", *RCODES, "tc", "tc", "garbage", "formerr bare", "notimp bare"]
WRONGS = ["", "", "", "id", "name", "short", "upper", "channel", "upstream"]


class Anything(RuleBasedStateMachine):
    """Whatever upstreams, streams and the network do, everyone who asks gets one last answer."""

    @initialize(
        upstreams=st.text("uus", min_size=1, max_size=4),
        strategy=st.sampled_from(Strategy),
        seed=st.integers(0, 99),
        random_case=st.booleans(),
    )
    def begin(self, upstreams, strategy, seed, random_case):
        self.stage = Play(upstreams, strategy, drawn(seed), random_case=random_case)
        self.asked = 0
        self.owed = []  # streams that have not called back
        self.over = set()

    def do(self, event):
        verb, *words = event.split()
        commands = self.stage.commands(verb, words)
        for command in commands:
            self.stage.show(command)
        ended = {command.exchange for command in commands if command.exchange.over}
        assert self.over.isdisjoint(ended)
        self.over |= ended
        before = len(self.stage.streams)
        self.stage.flushed()
        self.owed += range(before, len(self.stage.streams))

    @rule(
        which=st.sampled_from([*ASKED]),
        hasty=st.sampled_from(["", "hasty"]),
        site=st.integers(0, 3),
    )
    def ask(self, which, hasty, site):
        self.asked += 1
        self.do(f"ask {which} {hasty} @{site}")

    @precondition(lambda self: self.stage.sent)
    @rule(which=st.integers(0, 8), what=st.sampled_from(WHATS), wrong=st.sampled_from(WRONGS))
    def reply(self, which, what, wrong):
        last = len(self.stage.sent) - 1
        self.do(f"reply to {max(0, last - which)} {what} {wrong}")

    @precondition(lambda self: self.owed)
    @rule(which=st.integers(0, 9), what=st.sampled_from(["fails", "short", "name", *WHATS]))
    def stream(self, which, what):
        self.do(f"stream {self.owed.pop(which % len(self.owed))} {what}")

    @rule(upstream=st.integers(0, 3))
    def icmp(self, upstream):
        self.do(f"icmp {upstream % len(self.stage.exchanges.health)}")

    @precondition(lambda self: self.stage.sent)
    @rule()
    def guesses(self):
        for _ in range(ODD + 10):
            self.do("reply id")

    @rule()
    def flush(self):
        self.do("flush")

    @rule(seconds=st.sampled_from([0.05, 0.3, 0.7, 1.3, 2.5, 6, 40]))
    def wait(self, seconds):
        self.do(f"wait {seconds}")

    def teardown(self):
        if not hasattr(self, "stage"):
            return
        for _ in range(4):
            while self.owed:
                self.do(f"stream {self.owed.pop()} fails")
            self.do("wait 2.5")
        found = self.stage.exchanges
        assert (len(found), self.owed) == (0, [])
        assert not any(pending for channels in found.channels.pending for pending in channels)
        assert not any(found._due)
        # Stale data, or the word that it is in vain, is its client's last; the exchange goes on.
        assert len(self.stage.answered) == self.asked
        assert all(exchange.tries <= len(exchanges.PATIENCE) for exchange in self.over)


class AnythingInLittleRoom(Anything):
    """The same where there is room for three questions, and it is crowded from the second on."""

    def __init__(self):
        super().__init__()
        self.room = pytest.MonkeyPatch()
        self.room.setattr(exchanges, "MOST_IN_FLIGHT", 3)
        self.room.setattr(exchanges, "CROWDED", 2)

    def do(self, event):
        super().do(event)
        found = self.stage.exchanges
        assert len(found) <= 3
        assert (found._shares is not None) <= (len(found) >= 1)

    def teardown(self):
        super().teardown()
        self.room.undo()


TestAnything = Anything.TestCase
TestAnything.settings = settings(max_examples=50, stateful_step_count=40)
TestAnythingInLittleRoom = AnythingInLittleRoom.TestCase
TestAnythingInLittleRoom.settings = TestAnything.settings


@given(st.sampled_from(Strategy), st.text("us", min_size=1, max_size=4), st.integers(0, 99))
def test_it_ends_within_its_deadline_where_nobody_answers(strategy, upstreams, seed):
    stage = Play(upstreams, strategy, drawn(seed))
    stage.perform("ask")
    started = stage.now
    failing = [(stage.now + 2.5, command) for command in stage.streams]
    while len(stage.exchanges):
        before = len(stage.streams)
        stage.perform("wait 0.05")
        for command in [command for when, command in failing if when <= stage.now]:
            done = stage.exchanges.by_stream(command.exchange, command.upstream, None, stage.now)
            if done is not None:
                stage.show(done)
        failing = [each for each in failing if each[0] > stage.now]
        stage.flushed()
        failing += [(stage.now + 2.5, command) for command in stage.streams[before:]]
        assert stage.now - started < 7
    ((_, answer),) = stage.answered
    assert int.from_bytes(answer.options[4:6], "big") in {22, 23}
