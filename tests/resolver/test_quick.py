"""The quick way answers exactly as the long one does, whatever was asked before."""

import dnslib
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from blockd.config import ResolverSection
from blockd.resolver import quick, shapes, wire
from blockd.resolver.engine import Detour, Engine, Reply
from blockd.resolver.reply import parse_reply
from blockd.resolver.wire import Query
from tests.resolver.conftest import RULES, compiled
from tests.resolver.messages import errors, query, raw, read
from tests.resolver.records import fields

NOW = 1000.0
COOKIE = bytes(range(16))
CLIENT = b"a client"

LISTED = f"""{RULES}
[[allow]]
domains = ["good.deep.plain.example", "=exact.plain.example"]
reason = "names between an entry and an exception"

[[platform]]
id = "p010"
domains = ["garden.example", "=alone.garden.example"]
action = "records"
records = ["CNAME pages.test"]

[[platform]]
id = "p011"
domains = ["data.example"]
action = "records"
records = ["TXT 'said here'", "A 198.18.0.5", "MX 10 mail.test"]

[[platform]]
id = "p012"
domains = ["=www.data.example", "{".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 40])}.example"]
reference = "{"long " * 30}"
"""

ENTRIES = [
    "plain.example", "deep.plain.example", "good.deep.plain.example", "exact.plain.example",
    "listed.example", "good.listed.example", "only.example", "below.example", "open.example",
    "zero.example", "silent.example", "refused.example", "page.example", "nodata.example",
    "garden.example", "alone.garden.example", "data.example", "www.data.example",
    f"{'a' * 63}.{'b' * 63}.{'c' * 63}.{'d' * 40}.example", "kept.test", "empty.test", "localhost",
    "1.0.0.127.in-addr.arpa", "example", "other.test", "xplain.example", "pages.test",
]  # fmt: skip
TYPES = ["A", "AAAA", "TXT", "HTTPS", "ANY", "CNAME", "MX", "SOA", "DS", 65000]
COOKIES = [CLIENT, CLIENT + COOKIE, CLIENT + COOKIE[:-1], CLIENT[:-1], b"\0\x0a\0\x08" * 6]
OPTIONS = [
    [], [], *[[(wire.COOKIE, cookie)] for cookie in COOKIES],
    [(wire.COOKIE, CLIENT), (wire.COOKIE, CLIENT)],
    [(wire.PADDING, bytes(8)), (wire.COOKIE, CLIENT)],
    [(wire.COOKIE, CLIENT), (wire.SUBNET, b"\0\1\x18\0\xc6\x12\0")],
]  # fmt: skip


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    made = compiled(tmp_path_factory.mktemp("policy"), LISTED, 7)
    yield made
    made.close()


@st.composite
def names(draw):
    name = draw(st.sampled_from(ENTRIES))
    below = draw(st.sampled_from(["", "", "a.", "www.", "b.c.", "good.", "\\000x."]))
    name = name if len(name) > 200 else below.replace("\\000", "\0") + name
    return "".join(draw(st.sampled_from([c.lower(), c.upper()])) for c in name)


ASKED = st.builds(
    lambda name, qtype, bits, edns, number: query(
        dnslib.DNSLabel([part.encode() for part in name.split(".")]), qtype, number=number,
        **{bit: int(bit in bits) for bit in ("rd", "ad", "cd", "aa", "ra", "tc")},
        **edns,
    ),
    names(),
    st.sampled_from(TYPES),
    st.sets(st.sampled_from(["rd", "rd", "ad", "cd", "aa", "ra", "tc"]), max_size=3),
    st.fixed_dictionaries(
        {
            "edns": st.sampled_from([True, True, False]),
            "size": st.sampled_from([0, 512, 600, 1232, 4096]),
            "do": st.booleans(),
            "co": st.booleans(),
            "version": st.sampled_from([0, 0, 0, 1]),
            "options": st.sampled_from(OPTIONS),
        }
    ),
    st.integers(0, 0xFFFF),
)  # fmt: skip


@st.composite
def packets(draw):
    """Queries as they should be, and some with a few octets cut, changed or added."""
    packet = draw(ASKED)
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        at = draw(st.integers(2, max(2, len(packet) - 1)))
        match draw(st.integers(0, 3)):
            case 0:
                packet = packet[: max(at, len(packet) - draw(st.integers(0, 30)))]
            case 1:
                packet = packet[:at] + bytes([draw(st.integers(0, 255))]) + packet[at + 1 :]
            case 2:
                packet += draw(st.sampled_from([b"\0", b"\0\x0a\0\x08" + CLIENT, bytes(12)]))
            case 3:
                packet = packet[:-8] if len(packet) > 40 else packet
    return packet


def replayed(engine, packet, now=NOW):
    """Answer as the UDP listener does: by a finished reply, where there is one."""
    plain, with_cookies = engine.tick(now)
    body, own = shapes.split(packet)
    found = with_cookies.get(body[2:]) if own else plain.get(packet[2:])
    if found is None:
        return engine.answer(packet, now, cookie=COOKIE)
    message = packet[:2] + found.message + (own[:8] + COOKIE if own else b"")
    return Reply(message, found.outcome, found.platform)


def shown(engine, answered):
    """Return what can be compared between engines: counters are known by their names."""
    if isinstance(answered, Detour):
        assert answered.epoch == engine._epoch
        return fields(answered, epoch=None)
    if isinstance(answered, Query):
        assert answered.judged == engine._epoch
        return fields(answered, judged=None)
    if answered is None:
        return None
    counters = engine.counters
    cells = {id(cell): name for name, cell in counters.outcomes.items()}
    cells |= {id(cell): name for name, cell in counters.platforms.items()}
    return answered.message, cells[id(answered.outcome)], cells.get(id(answered.platform))


def kept(engine, asked, count):
    """Keep an answer of so many addresses, as an upstream might have given it."""
    record = b"\xc0\x0c" + wire.RECORD.pack(wire.A, wire.IN, 60, 4) + b"\xc6\x12\0\x50"
    packet = raw(asked.question, record * count, flags=0x81A0, counts=(1, count, 0, 0))
    engine.keep(asked, parse_reply(packet, 12 + len(asked.question)), NOW)


@settings(max_examples=150, deadline=None)
@given(st.lists(packets(), min_size=1, max_size=8), st.data())
def test_the_quick_way_answers_exactly_as_the_long_way(policy, asked, data):
    section = ResolverSection()
    engine, slow = Engine(section, policy), Engine(section, policy)
    slow.cache = engine.cache
    for packet in [*asked, *asked, *data.draw(st.permutations(asked))]:
        slow._use(policy)  # it has seen nothing yet
        expected = slow.answer(packet, NOW, cookie=COOKIE)
        for answered in (engine.answer(packet, NOW, cookie=COOKIE), replayed(engine, packet)):
            assert shown(engine, answered) == shown(slow, expected)
        if isinstance(expected, Query):
            kept(engine, expected, data.draw(st.sampled_from([0, 1, 40, 90])))


@settings(max_examples=60, deadline=None)
@given(st.lists(names(), min_size=2, max_size=6), st.sampled_from(TYPES))
@example(["a.deep.plain.example", "deep.plain.example", "x.plain.example"], "A")
@example(["deep.plain.example", "x.plain.example", "good.deep.plain.example"], "A")
def test_one_shape_serves_all_names_in_any_order(policy, asked, qtype):
    engine, slow = Engine(ResolverSection(), policy), Engine(ResolverSection(), policy)
    for name in [*asked, *asked[::-1]]:
        packet = query(name.replace("\0", "\\000"), qtype, options=[(wire.COOKIE, CLIENT)])
        slow._use(policy)
        expected = slow.answer(packet, NOW, cookie=COOKIE)
        assert shown(engine, engine.answer(packet, NOW, cookie=COOKIE)) == shown(slow, expected)


def test_what_is_known_of_shapes_is_bounded_and_learnt_anew(policy, monkeypatch):
    monkeypatch.setattr(shapes, "MOST", 10)
    monkeypatch.setattr(shapes, "MOST_STAMPS", 20)
    engine = Engine(ResolverSection(), policy)
    for size in range(512, 612):
        for name in ("x.plain.example", "x.zero.example", "x.page.example", "open.example"):
            engine.answer(query(name, size=size), NOW, cookie=COOKIE)
            known = engine._quick._shapes
            assert len(known) <= 10
            assert sum(len(shape.stamps) for shape in known.values()) <= 20
    answered = engine.answer(query("y.plain.example"), NOW, cookie=COOKIE)
    assert errors(read(answered.message)) == [(16, "p001: Notice 7")]


def test_finished_replies_are_bounded(policy, monkeypatch):
    monkeypatch.setattr("blockd.resolver.engine.MOST_HOT", 10)
    engine = Engine(ResolverSection(), policy)
    seen = set()
    for number in range(30):
        for options in ([], [(wire.COOKIE, CLIENT)]):
            packet = query(f"n{number}.plain.example", options=options)
            for _ in range(3):
                engine.answer(packet, NOW, cookie=COOKIE)
            finished = sum(map(len, engine.tick(NOW)))
            seen.add(finished)
            assert finished <= 11
    assert max(seen) >= 10


@pytest.mark.parametrize("options", [[], [(wire.COOKIE, CLIENT)]])
@pytest.mark.parametrize("name", ["x.plain.example", "localhost"])
def test_a_reply_is_finished_for_others_when_its_question_comes_a_second_time(
    policy, name, options
):
    engine = Engine(ResolverSection(), policy)
    place = len(options)
    engine.answer(query("localhost.test", options=options), NOW, cookie=COOKIE)  # the shape
    for second, finished in enumerate([0, 1, 1]):
        engine.tick(NOW + second)
        answered = engine.answer(query(name, options=options), NOW + second, cookie=COOKIE)
        found = engine.tick(NOW + second)
        assert [len(each) for each in found] == [finished * (place == at) for at in range(2)]
        for reply in found[place].values():
            end = len(answered.message) - place * shapes.COOKIE
            assert reply.message == answered.message[2:end]


def test_names_that_are_made_up_for_each_query_take_no_room_among_finished_replies(policy):
    engine = Engine(ResolverSection(), policy)
    engine.tick(NOW)
    for number in range(100):
        engine.answer(query(f"n{number}.plain.example"), NOW, cookie=COOKIE)
    assert engine.tick(NOW) == ({}, {})


def test_what_was_asked_is_remembered_over_seconds_within_a_bound(policy, monkeypatch):
    monkeypatch.setattr(quick, "MOST_SEEN", 10)
    engine = Engine(ResolverSection(), policy)
    engine.answer(query("plain.example"), NOW, cookie=COOKIE)
    names = iter(range(1000))
    for second, (count, remembered) in enumerate([(4, 4), (6, 10), (0, 10), (1, 1), (12, 3)]):
        engine.tick(NOW + second)
        for _ in range(count):
            packet = query(f"n{next(names)}.plain.example")
            engine.answer(packet, NOW + second, cookie=COOKIE)
        engine.tick(NOW + second + 1)
        assert len(engine._quick._seen) == remembered


def test_a_packet_that_ends_where_its_cookie_should_begin_is_malformed(policy):
    engine = Engine(ResolverSection(), policy)
    packet = query("x.plain.example", options=[(wire.COOKIE, CLIENT)])
    for sent in (packet, packet, packet[:-8], packet[:-8]):
        expected = wire.NXDOMAIN if sent is packet else wire.FORMERR
        assert read(replayed(engine, sent).message).rcode() == expected


def test_without_a_policy_nothing_is_listed():
    engine = Engine(ResolverSection(), None)
    for _ in range(3):
        assert isinstance(engine.answer(query("plain.example"), NOW, cookie=COOKIE), Query)
