"""What a rule sends to another name: its own names, and whatever leads to what it lists."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockd import names
from blockd.config import ResolverSection
from blockd.resolver import wire
from blockd.resolver.engine import Engine, Reply
from blockd.resolver.reply import failure
from blockd.resolver.wire import Query
from blockd.values import Size
from tests.resolver.conftest import compiled
from tests.resolver.messages import errors, query, read, records
from tests.resolver.records import fields
from tests.resolver.test_engine_policies import CHAIN, NOW, WAYS, blocked, known, parsed
from tests.resolver.test_quick import CLIENT, COOKIE, replayed

GARDEN = """\
[[platform]]
id = "g"
domains = ["garden.example"]
action = "records"
records = ["CNAME pages.test"]
ttl = 7
"""
PAGES = "pages.test 60 A 198.18.0.5"
SENT = ["www.Garden.example. CNAME pages.test.", "pages.test. A 198.18.0.5"]
HELD = {
    "A": [PAGES],
    "AAAA": ["pages.test 60 AAAA 2001:db8::5"],
    "HTTPS": ["pages.test 60 HTTPS 1 . alpn=h2"],
}
SECOND = 0.25, 0.5, 0.75  # into the second of NOW: finished replies may be given again


@pytest.fixture
def garden(policy_of):
    return Engine(ResolverSection(), policy_of(GARDEN))


@pytest.fixture(params=["udp", "tcp"])
def tcp(request):
    return request.param == "tcp"


def in_garden(**options):
    return query("www.Garden.example", options=[(wire.COOKIE, CLIENT)], **options)


def seen(answered):
    assert isinstance(answered, Reply)
    message = read(answered.message)
    assert message.question[0].name.to_text() == "www.Garden.example."
    assert CLIENT + COOKIE in [option.to_wire() for option in message.options]
    return message


def dialogue(engine, packet, says, now=NOW, *, tcp=False):
    """Ask as a client does, and answer what the engine asks; returns its reply and that."""
    found = engine.answer(packet, now, tcp=tcp, cookie=COOKIE)
    return settled(engine, found, says, now, tcp=tcp)


def settled(engine, found, says, now=NOW, *, tcp=False):
    """The rest of a dialogue; `says` has zone lines or an answer by name, None: silence."""
    asked = []
    while isinstance(found, Query):
        asked.append(names.to_text(found.name))
        assert len(asked) < 5, asked
        said = says[asked[-1]]
        if isinstance(said, list):
            kind = found.question[-4] << 8 | found.question[-3]
            said = parsed(query(asked[-1], kind), said)
        if said is not None:
            engine.keep(found, said, now)
        found = engine.finish(found, said, now, tcp=tcp, cookie=COOKIE)
    return found, asked


def sending(listed, target="pages.test", more=""):
    """A rule that sends what is listed to a garden."""
    rule = GARDEN.replace('domains = ["garden.example"]', listed)
    return rule.replace("pages.test", target) + more


def test_the_target_of_a_garden_is_asked_upstream_and_kept(garden, tcp):
    asked = garden.answer(in_garden(), NOW, tcp=tcp, cookie=COOKIE)
    assert isinstance(asked, Query)
    assert (asked.question, asked.name) == (b"\5pages\4test\0\0\1\0\1", b"\5pages\4test")
    answer = parsed(query("pages.test"), [PAGES])
    garden.keep(asked, answer, NOW)
    again = [replayed(garden, in_garden(), NOW) for _ in range(3)]
    for made in (garden.finish(asked, answer, NOW, tcp=tcp, cookie=COOKIE), *again):
        message = seen(made)
        assert records(message.answer) == SENT
        assert [rrset.ttl for rrset in message.answer] == [7, 60]
        assert [code for code, _ in errors(message)] == [4, 15]
        assert made.outcome is garden.counters["sinkholed"]
        assert made.platform is garden.counters.platform("g")
    later = garden.answer(in_garden(), NOW + 9, tcp=tcp, cookie=COOKIE)
    assert [rrset.ttl for rrset in seen(later).answer] == [7, 51]
    # What was kept serves who asks for the target itself, and the other way round.
    assert isinstance(garden.answer(query("pages.test"), NOW), Reply)


def test_a_garden_that_cannot_be_reached_is_what_it_was_or_a_name_alone(garden):
    asked = garden.answer(in_garden(), NOW, cookie=COOKIE)
    for answer in (None, failure(wire.SERVFAIL, 5)):
        message = seen(garden.finish(asked, answer, NOW, cookie=COOKIE))
        assert records(message.answer) == SENT[:1]
        assert message.rcode() == wire.NOERROR
    garden.keep(asked, parsed(query("pages.test"), [PAGES]), NOW)
    assert garden.hasty(asked, NOW + 61)
    garden.keep(asked, failure(wire.SERVFAIL, 5), NOW + 61)
    found = [
        garden.finish(asked, None, NOW + 61, cookie=COOKIE),
        garden.finish(asked, failure(wire.SERVFAIL, 5), NOW + 61, cookie=COOKIE),
        garden.answer(in_garden(), NOW + 62, cookie=COOKIE),
    ]
    for made in found:
        message = seen(made)
        assert records(message.answer) == SENT
        assert [rrset.ttl for rrset in message.answer] == [7, 30]
        assert 3 in [code for code, _ in errors(message)]


def test_a_name_whose_garden_is_gone_meanwhile_is_asked_for_itself(garden, make_policy):
    asked = garden.answer(in_garden(), NOW, cookie=COOKIE)
    garden.adopt(make_policy("other.test"))
    found = garden.finish(asked, parsed(query("pages.test"), [PAGES]), NOW, cookie=COOKIE)
    assert isinstance(found, Query)
    assert fields(found) == fields(garden.answer(in_garden(), NOW, cookie=COOKIE))
    answer = parsed(in_garden(), ["www.Garden.example 60 A 198.18.0.9"])
    made = garden.finish(found, answer, NOW, cookie=COOKIE)
    assert records(seen(made).answer) == ["www.Garden.example. A 198.18.0.9"]
    garden.keep(found, answer, NOW)
    assert seen(garden.finish(asked, None, NOW, cookie=COOKIE)).answer


@pytest.fixture(params=WAYS)
def way(request):
    """A way that leads to what is listed; with the packet that goes it, and what upstreams say."""
    listed, qtype, zone = WAYS[request.param]
    packet = query("www.example", qtype, options=[(wire.COOKIE, CLIENT)])
    return request.param, listed, packet, {"www.example": zone, "pages.test": HELD[qtype]}


@pytest.fixture
def both(policy_of, way):
    """An engine whose list the way leads to, and one that lists the name itself: the model."""
    made = sending(way[1]), sending('domains = ["www.example"]')
    return [Engine(ResolverSection(), policy_of(text)) for text in made]


FAILED = failure(wire.SERVFAIL, 5)
GARDENS = {
    "as it is": None,
    "that says nothing": "silent",
    "that fails": FAILED,
    "whose answers are not kept": [line.replace(" 60 ", " 0 ") for line in HELD["A"]],
    "without such a name": failure(wire.NXDOMAIN, 5),
    "that leads to what is listed": ["pages.test 60 CNAME alias.test", *CHAIN[1:]],
}


@pytest.mark.parametrize("such", GARDENS)
def test_whatever_leads_to_a_garden_is_answered_as_what_is_sent_there_itself(both, way, such, tcp):
    _, _, packet, says = way
    said = GARDENS[such]
    if said is not None:
        says = {**says, "pages.test": None if said == "silent" else said}
    made = []
    for engine in both:
        asked = []
        for _ in range(3):
            found, more = dialogue(engine, packet, says, tcp=tcp)
            asked += more
            made.append(found.message)
            assert found.outcome is engine.counters["sinkholed"]
            assert found.platform is engine.counters.platform("g")
            found.count()
        assert asked.count("www.example") <= 1
        counted = engine.counters.snapshot()
        assert counted["platforms"] == {"g": 3}
        assert sum(counted["outcomes"].values()) == counted["outcomes"]["sinkholed"] == 3
    assert len(set(made)) == 1
    answer = read(made[0])
    assert records(answer.answer)[0] == "www.example. CNAME pages.test."
    assert (len(answer.answer) > 1) == (said is None or isinstance(said, list))
    assert {4, 15} <= {code for code, _ in errors(answer)}


@pytest.mark.parametrize("stale", [False, True])
def test_what_is_kept_is_sent_to_a_garden_by_the_list_that_says_so_and_not_by_another(
    policy_of, make_policy, both, way, stale, tcp
):
    name, listed, packet, says = way
    now = NOW + 61 * stale
    engine = Engine(ResolverSection(), make_policy("other.test"))
    _, asked, answer = known(engine, name)
    free = engine.policy
    if stale:
        engine.keep(asked, FAILED, now)
    model, _ = dialogue(both[1], packet, says, now, tcp=tcp)
    sent = policy_of(sending(listed))
    for round_ in range(2):
        engine.adopt(sent)
        found = [dialogue(engine, packet, says, now, tcp=tcp)]
        late = engine.finish(asked, None if stale else answer, now, tcp=tcp, cookie=COOKIE)
        found.append(settled(engine, late, says, now, tcp=tcp))
        assert [each.message for each, _ in found] == [model.message] * 2
        assert [more for _, more in found] == [["pages.test"] * (round_ == 0), []]
        engine.adopt(free)
        found, more = dialogue(engine, packet, says, now, tcp=tcp)
        assert (blocked(found), more) == (False, [])


def test_finished_replies_of_a_garden_are_good_for_their_second_and_their_policy(
    both, way, make_policy
):
    _, _, packet, says = way
    engine, model = both
    dialogue(engine, packet, says)
    dialogue(model, packet, says)
    for now in (NOW, NOW + 9):
        found = {replayed(engine, packet, now + part).message for part in SECOND}
        assert found == {model.answer(packet, now, cookie=COOKIE).message}
    engine.adopt(make_policy("other.test"))
    assert not blocked(dialogue(engine, packet, says, now + 0.9)[0])


def test_who_asks_for_the_cname_gets_it_alone(policy_of, tcp):
    engine = Engine(ResolverSection(), policy_of(sending('domains = ["alias.test"]')))
    packet = query("www.example", "CNAME")
    found, asked = dialogue(engine, packet, {"www.example": CHAIN[:1]}, tcp=tcp)
    assert asked == ["www.example"]
    assert records(read(found.message).answer) == ["www.example. CNAME pages.test."]


DENIED = '[[platform]]\nid = "d"\n'
EXCEPTED = '[[allow]]\ndomains = ["www.example"]\nreason = "x"\n'
OTHER = {"other.test": ["other.test 60 A 198.18.0.6"]}
REAL = "end.test. A 198.18.0.80"
CHANGES = {
    "the same": (sending('domains = ["alias.test"]'), "pages.test. A 198.18.0.5"),
    "the same for another reason": (
        sending('prefixes = ["198.18.0.80"]'), "pages.test. A 198.18.0.5",
    ),
    "the same for the name itself": (
        sending('domains = ["www.example"]'), "pages.test. A 198.18.0.5",
    ),
    "another garden": (
        sending('domains = ["alias.test"]', "other.test"), "other.test. A 198.18.0.6",
    ),
    "another garden for the name itself": (
        sending('domains = ["www.example"]', "other.test"), "other.test. A 198.18.0.6",
    ),
    "data of its own": (
        sending('domains = ["alias.test"]').replace("CNAME pages.test", "A 198.18.0.7"),
        "www.example. A 198.18.0.7",
    ),
    "a denial": (f'{DENIED}domains = ["end.test"]\n', None),
    "a denial of the name itself": (f'{DENIED}domains = ["www.example"]\n', None),
    "silence": (f'{DENIED}domains = ["alias.test"]\naction = "drop"\n', "silence"),
    "silence about the name itself": (
        f'{DENIED}domains = ["www.example"]\naction = "drop"\n', "silence",
    ),
    "nothing": (f'{DENIED}domains = ["none.test"]\n', REAL),
    "an exception": (sending('domains = ["alias.test"]', more=EXCEPTED), REAL),
    "an exception of the alias": (
        sending('prefixes = ["198.18.0.80"]', more=EXCEPTED.replace("www.example", "alias.test")),
        REAL,
    ),
    "a shadow": (sending('domains = ["alias.test"]', more="enforce = false\n"), REAL),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("answers", [True, False])
@pytest.mark.parametrize("direct", [True, False])
def test_a_list_that_changes_while_a_garden_is_asked_decides(
    policy_of, change, cached, answers, direct, tcp
):
    rules, wanted = CHANGES[change]
    first = policy_of(sending(f'domains = ["{"www.example" if direct else "alias.test"}"]'))
    engine = Engine(ResolverSection(cache=Size(64 << 20 if cached else 0)), first)
    found = engine.answer(query("www.example"), NOW, tcp=tcp, cookie=COOKIE)
    if not direct:
        answer = parsed(query("www.example"), CHAIN)
        engine.keep(found, answer, NOW)
        found = engine.finish(found, answer, NOW, tcp=tcp, cookie=COOKIE)
    assert names.to_text(found.name) == "pages.test"
    engine.adopt(policy_of(rules))
    says = {"www.example": CHAIN, "pages.test": [PAGES] if answers else FAILED, **OTHER}
    found, _ = settled(engine, found, says, tcp=tcp)
    counted = engine.counters.snapshot()
    if wanted == "silence":
        assert found is None
        assert (counted["outcomes"]["dropped"], counted["platforms"]) == (1, {"d": 1})
        return
    found.count()
    counted = engine.counters.snapshot()
    assert sum(counted["outcomes"].values()) == 1
    assert owned_up(found) == (wanted != REAL)
    assert counted["platforms"] == ({} if wanted == REAL else {"g" if wanted else "d": 1})
    assert counted["shadowed"] == ({"g": 1} if change == "a shadow" else {})
    if wanted == "pages.test. A 198.18.0.5" and not answers:
        wanted = "www.example. CNAME pages.test."
    assert records(read(found.message).answer)[-1:] == ([wanted] if wanted else [])


def owned_up(answered):
    return 15 in [code for code, _ in errors(read(answered.message))]


def test_what_is_kept_past_its_time_and_to_be_dropped_is_counted_once(policy_of, make_policy):
    engine = Engine(ResolverSection(), make_policy("other.test"))
    packet, asked, _ = known(engine, "its alias")
    engine.keep(asked, FAILED, NOW + 61)
    engine.adopt(policy_of(f'{DENIED}domains = ["alias.test"]\naction = "drop"\n'))
    found, more = dialogue(engine, packet, {"www.example": FAILED}, NOW + 62)
    assert (found, more) == (None, ["www.example"])
    counted = engine.counters.snapshot()
    assert (counted["outcomes"]["dropped"], counted["platforms"]) == (1, {"d": 1})


# Any course of events: the list changes, clients ask, upstreams answer, fail, or take long.
SAYS = {"www.example": CHAIN, "pages.test": [PAGES], **OTHER}
MEANT = [CHANGES[change] for change in CHANGES if CHANGES[change][1] != "silence"]
STEPS = st.one_of(
    st.tuples(st.just("adopt"), st.integers(0, len(MEANT) - 1)),
    st.tuples(st.sampled_from(["udp", "tcp", "hot"]), st.just(0)),
    st.tuples(st.sampled_from(["answer", "answer", "unkept", "fail", "late"]), st.integers(0, 99)),
    st.tuples(st.just("pass"), st.sampled_from([1, 8, 70])),
)


@pytest.fixture(scope="module")
def policies(tmp_path_factory):
    directory = tmp_path_factory.mktemp("policies")
    made = [compiled(directory, text, at + 1) for at, (text, _) in enumerate(MEANT)]
    yield made
    for policy in made:
        policy.close()


def rightly(answered, wanted):
    """Tell whether a reply is what the list in force means it to be."""
    message = read(answered.message)
    said = records(message.answer)
    if message.rcode() == wire.SERVFAIL:
        return not said and not owned_up(answered)
    if wanted == REAL:
        return not owned_up(answered) and said[-1] == REAL
    chain = [wanted] if wanted else []
    if wanted and not wanted.startswith("www.example."):
        chain = [f"www.example. CNAME {wanted.split(' ')[0]}", wanted]
    return owned_up(answered) and said in (chain, chain[:1])


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=40))
def test_whatever_happens_a_garden_is_given_where_the_list_in_force_says_so(policies, steps):
    engine = Engine(ResolverSection(), policies[0])
    now, wanted = NOW, MEANT[0][1]
    waiting = []
    # At the end all that waits is answered, and has nothing more to ask before long.
    for step, value in [*steps, *[("answer", 0)] * 3 * len(steps)]:
        found, over_tcp = None, step == "tcp"
        if step == "adopt":
            engine.adopt(policies[value])
            wanted = MEANT[value][1]
        elif step == "pass":
            now += value
        elif step == "hot":
            found = [replayed(engine, query("www.example"), now) for _ in range(4)][-1]
        elif step in {"udp", "tcp"}:
            found = engine.answer(query("www.example"), now, tcp=over_tcp, cookie=COOKIE)
        elif waiting:
            asked, over_tcp = waiting.pop(value % len(waiting))
            name = names.to_text(asked.name)
            answer = {"fail": FAILED, "late": None}.get(step, parsed(query(name), SAYS[name]))
            if answer is not None and step != "unkept":
                engine.keep(asked, answer, now)
            found = engine.finish(asked, answer, now, tcp=over_tcp, cookie=COOKIE)
        if isinstance(found, Query):
            waiting.append((found, over_tcp))
        elif found is not None:
            assert rightly(found, wanted)
    assert not waiting


LISTED = """\
[[platform]]
id = "l"
domains = ["listed.test"]
prefixes = ["198.18.9.0/24"]
"""
OTHERS = {
    "an address that is listed": ("pages.test", ["pages.test 60 A 198.18.9.1"], 1),
    "a name that is listed": (
        "pages.test", ["pages.test 60 CNAME www.listed.test", "www.listed.test 60 A 198.18.0.5"], 1,
    ),
    "a target that is listed": ("www.listed.test", ["www.listed.test 60 A 198.18.0.5"], 1),
    "a target that is excepted": ("ok.listed.test", ["ok.listed.test 60 A 198.18.9.1"], 2),
    "a target of the same rule": (
        "pages.garden.example", ["pages.garden.example 60 A 198.18.0.5"], 2,
    ),
    "nothing that is listed": ("pages.test", [PAGES], 2),
}  # fmt: skip


@pytest.mark.parametrize("what", OTHERS)
def test_no_list_is_a_way_around_another(policy_of, what, tcp):
    target, says, count = OTHERS[what]
    excepted = '[[allow]]\nreason = "x"\ndomains = ["ok.listed.test"]\n'
    rule = sending('domains = ["garden.example"]', target, LISTED + excepted)
    engine = Engine(ResolverSection(), policy_of(rule))
    for now in (NOW, NOW + 1, NOW + 2.5, NOW + 70):  # fresh, from cache twice, and stale
        found, _ = dialogue(
            engine, in_garden(), {target: says if now < NOW + 9 else None}, now, tcp=tcp
        )
        message = seen(found)
        assert len(message.answer) == count
        assert message.answer[0].to_rdataset().to_text().endswith(f"CNAME {target}.")
        assert found.platform is engine.counters.platform("g")
        assert 22 not in [code for code, _ in errors(message)]


def test_what_is_kept_and_blocked_is_judged_once(policy_of):
    engine = Engine(ResolverSection(), policy_of(LISTED))
    says = {"cname.test": ["cname.test 60 CNAME www.listed.test"]}
    dialogue(engine, query("cname.test"), says)
    dialogue(engine, query("CNAME.test"), {})
    (kept,) = [engine.cache.get(key, NOW) for key in list(engine.cache._kept)]
    assert kept.blocked is not None
    epoch, verdict = kept.blocked
    assert verdict.rule.id == "l"
    engine.adopt(policy_of(LISTED.replace("listed.test", "unlisted.test")))
    found, _ = dialogue(engine, query("cname.test"), {})
    assert not blocked(found)
    assert kept.blocked == (epoch, verdict)  # of another policy, and of no account
