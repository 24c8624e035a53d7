"""Whatever is sent is judged by the policy in force at that moment: kept, late, stale or hidden."""

import itertools

import dns.message
import dns.rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockd.config import ResolverSection
from blockd.resolver import wire
from blockd.resolver.engine import Engine, Reply
from blockd.resolver.reply import failure, parse_reply
from blockd.resolver.wire import Query
from tests.resolver.conftest import compiled
from tests.resolver.messages import errors, query, read, records, reply
from tests.resolver.test_quick import CLIENT, COOKIE, replayed

NOW = 1000.0
CHAIN = [
    "www.example 60 CNAME alias.test",
    "alias.test 60 CNAME end.test",
    "end.test 60 A 198.18.0.80",
]
BLOCKED = {15, 16, 17}
MOVED = "056d6f766564047465737400"
"""The data of a DNAME to moved.test; dnslib reads no text for it."""

WAYS = {
    "itself": ('domains = ["www.example"]', "A", CHAIN),
    "a name above it": ('domains = ["example"]', "A", CHAIN),
    "its alias": ('domains = ["alias.test"]', "A", CHAIN),
    "the alias of its alias": ('domains = ["*.end.test", "=end.test"]', "A", CHAIN),
    "its address": ('prefixes = ["198.18.0.80/32"]', "A", CHAIN),
    "one of its addresses": (
        'prefixes = ["2001:db8::8/125"]', "AAAA",
        ["www.example 60 AAAA 2001:db8::1", "www.example 60 AAAA 2001:db8::9"],
    ),
    "where a DNAME leads": (
        'domains = ["www.moved.test"]', "A",
        [f"example 60 DNAME {MOVED}", "www.example 60 CNAME www.moved.test",
         "www.moved.test 60 A 198.18.0.80"],
    ),
    "a hint": (
        'prefixes = ["198.18.0.80/32"]', "HTTPS",
        ["www.example 60 HTTPS 1 . alpn=h2 ipv4hint=198.18.0.1,198.18.0.80"],
    ),
    "a service's host": (
        'domains = ["cdn.test"]', "HTTPS", ["www.example 60 HTTPS 1 cdn.test. alpn=h2"],
    ),
}  # fmt: skip
DIRECT = ("itself", "a name above it")


@pytest.fixture(params=WAYS)
def way(request):
    return request.param


@pytest.fixture(params=["udp", "tcp", "hot"])
def ask(request):
    """Ask over UDP, over TCP, or so that finished replies are taken where there are any."""

    def asked(engine, packet, now=NOW):
        if request.param == "hot":
            return [replayed(engine, packet, now) for _ in range(4)][-1]
        return engine.answer(packet, now, tcp=request.param == "tcp", cookie=COOKIE)

    return asked


def parsed(packet, zone, **header):
    return parse_reply(reply(packet, *zone, **header), 12 + len(wire.parse_query(packet).question))


def blocked(answered):
    """Tell whether a reply says that it is blocked; then it may not hold anything else."""
    assert isinstance(answered, Reply)
    seen = read(answered.message)
    found = bool(BLOCKED & {code for code, _ in errors(seen)})
    assert not (found and seen.answer), "it leaks"
    return found


def listing(make, way):
    return make(f'[[platform]]\nid = "x"\n{WAYS[way][0]}\n')


@pytest.fixture
def engine(make_policy):
    return Engine(ResolverSection(), make_policy("other.test"))


def known(engine, way):
    """An engine that knows the answer of a way; returns the packet, the query and the answer."""
    _, qtype, zone = WAYS[way]
    packet = query("www.example", qtype, options=[(wire.COOKIE, CLIENT)])
    asked = engine.answer(packet, NOW, cookie=COOKIE)
    assert isinstance(asked, Query)
    answer = parsed(packet, zone)
    engine.keep(asked, answer, NOW)
    return packet, asked, answer


def test_what_is_newly_listed_never_leaks_and_what_is_newly_unlisted_is_not_blocked(
    engine, policy_of, way, ask
):
    packet, asked, answer = known(engine, way)
    free = engine.policy
    listed = listing(policy_of, way)
    for _ in range(2):
        for policy, expected in ((free, False), (listed, True)):
            engine.adopt(policy)
            found = [ask(engine, packet) for _ in range(3)]
            found.append(engine.finish(asked, answer, NOW))
            assert [blocked(each) for each in found] == [expected] * 4


def test_a_reply_in_flight_is_judged_when_it_comes(engine, policy_of, way):
    _, asked, answer = known(engine, way)
    listed = listing(policy_of, way)
    free = engine.adopt(listed)
    engine.keep(asked, answer, NOW)
    assert blocked(engine.finish(asked, answer, NOW))
    engine.adopt(free)
    assert not blocked(engine.finish(asked, answer, NOW))


def test_an_answer_goes_without_additional_records_that_give_away_what_is_listed(
    engine, make_policy, ask
):
    packet = query("www.example", "MX")
    asked = engine.answer(packet, NOW, cookie=COOKIE)
    message = dns.message.from_wire(reply(packet, "www.example 60 MX 10 mail.test", edns=False))
    message.additional.append(dns.rrset.from_text("mail.test.", 60, "IN", "A", "198.18.0.80"))
    answer = parse_reply(message.to_wire(), 12 + len(asked.question))
    engine.keep(asked, answer, NOW)
    free, listed = engine.policy, make_policy("mail.test")
    for policy, shown in ((free, ["mail.test. A 198.18.0.80"]), (listed, [])):
        engine.adopt(policy)
        for found in (ask(engine, packet), engine.finish(asked, answer, NOW)):
            seen = read(found.message)
            assert records(seen.answer) == ["www.example. MX 10 mail.test."]
            assert records(seen.additional) == shown


def test_nothing_is_given_stale_that_came_onto_the_list(engine, policy_of, way, ask):
    packet, asked, _ = known(engine, way)
    later = NOW + 61
    free = engine.adopt(listing(policy_of, way))
    for failed in (None, failure(wire.SERVFAIL, 5)):
        if failed is not None:
            engine.keep(asked, failed, later)
            assert blocked(ask(engine, packet, later))
        assert blocked(engine.finish(asked, failed, later))
    engine.adopt(free)
    for made in (ask(engine, packet, later), engine.finish(asked, None, later)):
        assert read(made.message).answer
        assert [code for code, _ in errors(read(made.message))] == [3]


@pytest.mark.parametrize("cname", [True, False])
@pytest.mark.parametrize("addresses", [True, False])
@pytest.mark.parametrize("where", ["configuration", "platform"])
def test_both_looks_at_what_is_hidden_can_be_switched_off(policy_of, way, cname, addresses, where):
    off = {"check_cname": cname, "check_addresses": addresses}
    own = "".join(f"{key} = {str(value).lower()}\n" for key, value in off.items())
    rules = f'[[platform]]\nid = "x"\n{WAYS[way][0]}\n{own if where == "platform" else ""}'
    engine = Engine(ResolverSection(**(off if where == "configuration" else {})), policy_of(rules))
    packet = query("www.example", WAYS[way][1])
    asked = engine.answer(packet, NOW)
    if way in DIRECT:
        assert blocked(asked)
        return
    answer = parsed(packet, WAYS[way][2])
    engine.keep(asked, answer, NOW)
    expected = cname if "domains" in WAYS[way][0] else addresses
    assert blocked(engine.finish(asked, answer, NOW)) == expected
    assert blocked(engine.answer(packet, NOW)) == expected


def test_a_switch_that_is_changed_is_obeyed_at_once(policy_of, way):
    engine = Engine(ResolverSection(), listing(policy_of, way))
    if way in DIRECT:
        return
    packet, asked, answer = known(engine, way)
    assert blocked(engine.answer(packet, NOW))
    engine.configure(ResolverSection(check_cname=False, check_addresses=False))
    engine.keep(asked, answer, NOW)
    assert not blocked(engine.answer(packet, NOW))
    engine.configure(ResolverSection())
    assert blocked(engine.finish(asked, answer, NOW))


@pytest.mark.parametrize("excepted", ["example", "www.example", "=www.example"])
def test_an_exception_covers_what_the_name_leads_to(engine, policy_of, way, ask, excepted):
    packet, asked, answer = known(engine, way)
    listed = listing(policy_of, way)
    rules = f'[[platform]]\nid = "x"\n{WAYS[way][0]}\n[[allow]]\ndomains = ["{excepted}"]\n'
    free = policy_of(f'{rules}reason = "x"\n')
    longer_entry = way == "itself" and excepted == "example"
    for _ in range(2):
        engine.adopt(listed)
        assert blocked(ask(engine, packet))
        engine.adopt(free)
        assert blocked(ask(engine, packet)) == longer_entry
        assert blocked(engine.finish(asked, answer, NOW)) == longer_entry


def test_what_is_hidden_and_to_be_dropped_is_silence_and_counted_once(policy_of, ask):
    engine = Engine(ResolverSection(), policy_of(
        '[[platform]]\nid = "x"\ndomains = ["alias.test"]\naction = "drop"\n'
    ))  # fmt: skip
    packet, asked, answer = known(engine, "its alias")
    assert engine.finish(asked, answer, NOW) is None
    assert engine.counters["dropped"].n == engine.counters.platform("x").n == 1
    again = engine.answer(packet, NOW, cookie=COOKIE)
    assert isinstance(again, Query)
    assert engine.finish(again, answer, NOW) is None
    assert engine.counters["dropped"].n == engine.counters.platform("x").n == 2
    assert isinstance(ask(engine, packet), Query)


def test_tcp_only_sends_udp_to_tcp_and_lets_tcp_pass(engine, policy_of, way):
    packet, asked, answer = known(engine, way)
    rules = f'[[platform]]\nid = "x"\n{WAYS[way][0]}\naction = "tcp-only"\n'
    engine.adopt(policy_of(rules))
    over_udp = [replayed(engine, packet, NOW) for _ in range(3)]
    for sent in (*over_udp, engine.finish(asked, answer, NOW)):
        seen = read(sent.message)
        assert (seen.flags & wire.TC, seen.rcode(), seen.answer) == (wire.TC, 0, [])
        assert [code for code, _ in errors(seen)] == [15]
    over_tcp = [
        engine.answer(packet, NOW, tcp=True, cookie=COOKIE),
        engine.finish(asked, answer, NOW, tcp=True),
        engine.finish(asked, None, NOW + 61, tcp=True),
    ]
    for sent in over_tcp:
        seen = read(sent.message)
        assert (seen.flags & wire.TC, len(seen.answer) > 0) == (0, True)
    assert blocked(replayed(engine, packet, NOW))


@pytest.mark.parametrize("first", ["www.test", "alias.test"])
def test_what_may_be_asked_by_tcp_alone_is_no_way_to_what_is_blocked(engine, policy_of, first):
    asked = wire.parse_query(query("www.test"))
    zone = ["www.test 9 CNAME alias.test", "alias.test 9 CNAME b.test", "b.test 9 A 198.18.0.1"]
    answer = parsed(query("www.test"), zone)
    engine.keep(asked, answer, NOW)
    engine.adopt(policy_of(
        f'[[platform]]\nid = "x"\ndomains = ["={first}"]\naction = "tcp-only"\n'
        '[[platform]]\nid = "y"\ndomains = ["b.test"]\n'
    ))  # fmt: skip
    for sent in (
        engine.answer(query("www.test"), NOW, tcp=True, cookie=COOKIE),
        engine.finish(asked, answer, NOW, tcp=True),
    ):
        assert engine.counters.platform("y") is sent.platform
        assert read(sent.message).answer == []


# Names, what each leads to, and lists of them in all combinations, against a naive reading.
ANSWERS = {
    "a.test": ["a.test 9 A 198.18.0.1"],
    "b.test": ["b.test 9 CNAME a.test", "a.test 9 A 198.18.0.1"],
    "c.test": ["c.test 9 A 198.18.0.2"],
    "d.test": ["d.test 9 CNAME b.test", "b.test 9 CNAME a.test", "a.test 9 A 198.18.0.1"],
}
LEADS = {
    "a.test": ["a.test", "1"],
    "b.test": ["b.test", "a.test", "1"],
    "c.test": ["c.test", "2"],
    "d.test": ["d.test", "b.test", "a.test", "1"],
}
LISTS = [
    frozenset(chosen)
    for size in range(3)
    for chosen in itertools.combinations(["a.test", "b.test", "c.test", "1", "2", "!b.test"], size)
]


@pytest.fixture(scope="module")
def policies(tmp_path_factory):
    directory = tmp_path_factory.mktemp("policies")
    made = []
    for number, chosen in enumerate(LISTS):
        listed = [name for name in chosen if name.endswith("test") and name[0] != "!"]
        prefixes = [f"198.18.0.{name}/32" for name in chosen if len(name) == 1]
        text = (
            f'[[platform]]\nid = "x"\ndomains = {["none.test", *listed]}\nprefixes = {prefixes}\n'
        )
        if "!b.test" in chosen:
            text += '[[allow]]\ndomains = ["b.test"]\nreason = "x"\n'
        made.append(compiled(directory, text, number + 1))
    yield made
    for each in made:
        each.close()


def meant(chosen, name):
    for step in LEADS[name]:
        if f"!{step}" in chosen:
            return False  # at equal length an exception wins, and it covers what is behind
        if step in chosen:
            return True
    return False


STEPS = st.one_of(
    st.tuples(st.just("adopt"), st.integers(0, len(LISTS) - 1)),
    st.tuples(st.sampled_from(["udp", "tcp", "hot"]), st.sampled_from(list(ANSWERS))),
    st.tuples(st.just("answer"), st.integers(0, 99)),
    st.tuples(st.just("fail"), st.integers(0, 99)),
    st.tuples(st.just("late"), st.integers(0, 99)),
    st.tuples(st.just("pass"), st.sampled_from([1, 8, 40])),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=40))
def test_no_answer_is_ever_sent_that_the_policy_in_force_would_block(policies, steps):
    engine = Engine(ResolverSection(), policies[0])
    now, chosen = NOW, LISTS[0]
    waiting = []
    for step, value in steps:
        answered = name = None
        if step == "adopt":
            engine.adopt(policies[value])
            chosen = LISTS[value]
        elif step == "pass":
            now += value
        elif step in {"udp", "tcp", "hot"}:
            name, packet = value, query(value)
            if step == "hot":  # often enough that it is taken from the finished ones at last
                for _ in range(4):
                    answered = replayed(engine, packet, now)
            else:
                answered = engine.answer(packet, now, tcp=step == "tcp", cookie=COOKIE)
            if isinstance(answered, Query):
                waiting.append((name, answered))
                answered = None
        elif waiting:
            name, asked = waiting.pop(value % len(waiting))
            answer = parsed(query(name), ANSWERS[name]) if step == "answer" else None
            if step == "fail":
                answer = failure(wire.SERVFAIL, 5)
            if answer is not None:
                engine.keep(asked, answer, now)
            answered = engine.finish(asked, answer, now, cookie=COOKIE)
        if answered is not None:
            seen = read(answered.message)
            assert blocked(answered) == meant(chosen, name) or seen.rcode() == wire.SERVFAIL
            assert not (seen.answer and meant(chosen, name))


def counted(engine):
    return engine.counters.snapshot()["shadowed"]


def test_what_is_not_enforced_is_counted_and_changes_no_answer(engine, policy_of, way, ask):
    packet, asked, answer = known(engine, way)
    free = [ask(engine, packet).message for _ in range(3)]
    idle = policy_of(f'[[platform]]\nid = "x"\n{WAYS[way][0]}\nenforce = false\n')
    engine.adopt(idle)
    replies = [ask(engine, packet) for _ in range(3)]
    assert [reply.message for reply in replies] == free
    late = engine.finish(asked, answer, NOW)
    assert not blocked(late)
    before = counted(engine).get("x", 0)
    for reply_ in (*replies, late):
        assert reply_.platform is engine.counters.shadow("x")
        reply_.count()
    assert counted(engine) == {"x": before + 4}
    assert engine.counters.snapshot()["platforms"] == {}


@pytest.mark.parametrize("excepted", ['domains = ["alias.test"]', 'prefixes = ["198.18.0.80/32"]'])
@pytest.mark.parametrize(("free", "line"), [
    ("www.example", CHAIN), ("alias.test", CHAIN[1:]), ("end.test", CHAIN[2:]),
])  # fmt: skip
def test_what_an_exception_covers_on_the_way_does_not_count_as_in_shadow(
    policy_of, excepted, free, line
):
    rules = '[[platform]]\nid = "x"\nprefixes = ["198.18.0.0/24"]\nenforce = false\n'
    engine = Engine(ResolverSection(), policy_of(f'{rules}[[allow]]\n{excepted}\nreason = "x"\n'))
    packet = query(free)
    asked = engine.answer(packet, NOW)
    engine.finish(asked, parsed(packet, line), NOW).count()
    alone = "domains" in excepted and free == "end.test"
    assert counted(engine) == ({"x": 1} if alone else {})


def test_neither_what_is_excepted_nor_what_is_blocked_counts_as_in_shadow(engine, policy_of):
    engine.adopt(
        policy_of(
            '[[platform]]\nid = "x"\nenforce = false\ndomains = ["example"]\n'
            '[[platform]]\nid = "y"\ndomains = ["bad.example"]\n'
            '[[allow]]\nreason = "z"\ndomains = ["good.example"]\n'
        )
    )
    for name, cell in (("bad.example", "y"), ("good.example", None), ("www.example", "x")):
        packet = query(name)
        found = engine.answer(packet, NOW)
        if isinstance(found, Query):
            found = engine.finish(found, parsed(packet, [f"{name} 60 A 198.18.0.1"]), NOW)
        found.count()
        assert blocked(found) is (cell == "y")
    assert counted(engine) == {"x": 1}
    assert engine.counters.snapshot()["platforms"] == {"y": 1}
