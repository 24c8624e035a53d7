"""Who makes room: by the account of a crowd, against a count of it made anew each time."""

import ipaddress
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.resolver.inflight import Exchange, Waiter
from blockd.resolver.shares import WAITED, Shares, site_of_question, sites_of_question
from tests.resolver.records import state

NOW = 1000.0


def packed(text):
    return ipaddress.ip_address(text).packed


def host(site, number=1):
    return bytes((198, 18, site, number))


@pytest.fixture
def question(asked):
    """Make questions in flight: of an address, begun some seconds ago."""

    def make(client, ago=0.0, tries=1):
        query = asked()
        waiter = Waiter(query, lambda *_: None, client=client)
        made = Exchange(query, [waiter], NOW - ago)
        made.tries = tries
        return made

    return make


ALIKE = [
    ("198.18.5.1", "198.18.5.254", True),
    ("198.18.5.1", "198.18.6.1", False),
    ("198.18.5.1", "::ffff:198.18.5.2", True),
    ("2001:db8:1:200::1", "2001:db8:1:2ff::1", True),
    ("2001:db8:1:200::1", "2001:db8:1:300::1", False),
    ("127.0.0.1", "127.9.9.9", True),
    ("127.0.0.1", "::1", True),
    ("127.0.0.1", "::ffff:127.0.0.2", True),
]


@pytest.mark.parametrize(("first", "second", "alike"), ALIKE)
def test_a_share_is_a_prefixs_as_a_rate_limit_is(first, second, alike, question):
    held = [question(packed(first)) for _ in range(3)]
    # Only who holds less has a claim to what was asked just now.
    assert Shares(held).gives_way(packed(second), NOW) == (None if alike else held[-1])


def test_with_nothing_in_flight_nothing_gives_way():
    shares = Shares([])
    assert shares.gives_way(host(1), NOW) is None
    assert shares.gives_way(b"", NOW) is None


def test_what_is_fetched_ahead_displaces_nobodys_but_its_like(question):
    ahead, clients = question(b""), [question(host(1), 4, 3) for _ in range(3)]
    shares = Shares([*clients, ahead])
    assert shares.gives_way(b"", NOW) is ahead
    shares.remove(ahead)
    assert shares.gives_way(b"", NOW) is None


def test_what_was_told_that_it_failed_gives_way_before_all_others(question):
    held = [question(host(1)) for _ in range(5)]
    shares = Shares(held)
    shares.abandon(held[2])
    assert shares.gives_way(host(1), NOW) is held[2]
    shares.remove(held[2])
    assert shares.gives_way(host(1), NOW) is None


@pytest.mark.parametrize(
    ("ago", "tries", "tried"), [(0.6, 1, False), (0.6, 2, True), (WAITED, 1, True)]
)
def test_a_question_has_had_its_chance_by_tries_or_by_time(ago, tries, tried, question):
    held = [question(host(1), ago, tries), question(host(1))]
    shares = Shares(held)
    assert shares.gives_way(host(1), NOW) is (held[0] if tried else None)
    assert shares.gives_way(host(2), NOW) is held[0 if tried else -1]


def test_nothing_of_a_client_stays_when_its_questions_are_over(question):
    held = [question(host(site, number)) for site in range(5) for number in range(5)]
    shares = Shares(held)
    for each in held[::2]:
        shares.abandon(each)
    for each in held[::-1]:
        shares.remove(each)
        shares.remove(each)
    assert state(shares) == state(Shares([]))


def test_what_was_nobodys_is_whose_it_is_who_joins_it(question):
    ahead, client, other = question(b""), question(host(1), 4, 3), question(host(2))
    shares = Shares([ahead, client, other])
    for joining in (b"", host(2), host(1)):
        shares.adopt(ahead, joining)
    assert shares.gives_way(host(3), NOW) is ahead  # the latest of the second, who holds most


def test_a_question_that_was_fetched_ahead_and_joined_is_not_nobodys(question):
    joined = question(b"")
    joined.waiters.append(question(host(1)).waiters[0])
    assert site_of_question(joined) == host(1)[:3]
    assert sites_of_question(joined) == [b"", host(1)[:3]]
    joined.waiters.clear()
    assert (site_of_question(joined), sites_of_question(joined)) == (b"", [b""])


EVENTS = st.one_of(
    st.tuples(st.just("ask"), st.integers(0, 4)),
    st.tuples(st.sampled_from(["end", "abandon", "join"]), st.integers(0, 30)),
    st.tuples(st.just("wait"), st.just(0)),
)


@given(st.lists(EVENTS, max_size=80), st.integers(1, 12))
def test_who_holds_less_always_has_room_and_no_more_than_others(asked, events, most):
    # A table of `most` questions; the account agrees with a count at every step.
    query = asked()
    now, held = NOW, {}
    shares = Shares([])
    for verb, number in events:
        sites = Counter(held.values())
        if verb == "wait":
            now += WAITED / 2
        elif verb == "ask":
            made = Exchange(query, [Waiter(query, print, client=host(number))], now)
            if len(held) >= most:
                going = shares.gives_way(host(number), now)
                clients = {site: count for site, count in sites.items() if site is not None}
                if going is None:
                    assert None not in sites
                    # It has as much as anybody, and what it has is still young.
                    assert clients[max(clients, key=clients.get)] <= sites[number] + 1
                    assert all(now - e.started < WAITED for e, s in held.items() if s == number)
                    continue
                if None in sites:
                    assert held[going] is None
                elif held[going] != number:
                    assert sites[held[going]] == max(clients.values())
                    assert sites[held[going]] > sites[number]
                shares.remove(going)
                del held[going]
            shares.add(made)
            held[made] = number
        elif held:
            chosen = [*held][number % len(held)]
            if verb == "end":
                shares.remove(chosen)
                del held[chosen]
            elif verb == "join":
                shares.adopt(chosen, host(number % 5))
                if held[chosen] is None:
                    del held[chosen]  # it is the latest of its prefix
                    held[chosen] = number % 5
            else:
                shares.abandon(chosen)
                held[chosen] = None
        assert len(held) <= most
        assert {e: site.prefix for e, site in shares._of.items()} == {
            e: b"" if site is None else host(site)[:3] for e, site in held.items()
        }
