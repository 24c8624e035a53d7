"""What a record of a zone does: words among the targets of a CNAME, local data, and neither."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import records
from blockd.errors import NameFormError, RecordFormError
from blockd.terms import Action
from blockd.watchlist.formats.rpz_actions import (
    ENCODED,
    MOST_OCTETS,
    PASSTHRU,
    Answer,
    Local,
    Outcome,
    Unsupported,
    read,
    together,
)
from blockd.watchlist.formats.zone import Owners, Record


def said(rtype, *words, owner="a.example", origin="rpz.test.", ttl=None):
    owners = Owners()
    if origin:
        owners.set_origin(origin)
    return read(Record(owner, ttl, rtype, words), owner, owners)


def local(text, ttl=None):
    return Local(records.parse(text), ttl)


MEANINGS = [
    (("CNAME", "."), Outcome(Action.NXDOMAIN)),
    (("CNAME", "*."), Outcome(Action.NODATA)),
    (("CNAME", "RPZ-Drop."), Outcome(Action.DROP)),
    (("CNAME", "rpz-tcp-only."), Outcome(Action.TCP_ONLY)),
    (("CNAME", "rpz-passthru."), PASSTHRU),
    (("CNAME", "A.Example."), PASSTHRU),  # an owner as its own target is one, too
    (("CNAME", "b.a.example."), local("CNAME b.a.example.")),
    (("CNAME", "garden"), local("CNAME garden.rpz.test.")),
    (("CNAME", "@"), local("CNAME rpz.test.")),
    (("MX", "10", "mail"), local("MX 10 mail.rpz.test.")),
    (("SRV", "0", "5", "5060", "sip"), local("SRV 0 5 5060 sip.rpz.test.")),
    (("TXT", "mail", '"."'), local('TXT "mail" "."')),
    (("A", "198.18.0.1"), local("A 198.18.0.1")),
]


@pytest.mark.parametrize(("record", "meaning"), MEANINGS)
def test_a_record_is_an_action_an_exception_or_local_data(record, meaning):
    assert said(*record) == meaning


def test_what_puts_the_name_asked_in_front_is_named_and_not_guessed():
    found = said("CNAME", "*.garden.test.")
    assert isinstance(found, Unsupported)
    assert found.kind == "CNAME *.name"


BAD = [
    (("CNAME",), "one target"),
    (("CNAME", ".", "."), "one target"),
    (("CNAME", "rpz-passthru"), "'rpz-passthru' is no action of RPZ; write `rpz-passthru.`"),
    (("CNAME", "rpz-nxdomain."), "is no action of RPZ; known are `.`, `*.`, `rpz-passthru.`"),
    (("A", "198.18.0"), "no IPv4 address"),
    (("CNAME", "garden..test."), "empty label"),
]


@pytest.mark.parametrize(("record", "part"), BAD)
def test_a_record_that_does_nothing_is_told_with_what_to_write(record, part):
    with pytest.raises((RecordFormError, NameFormError), match=part.replace("*", r"\*")):
        said(*record)


def test_a_name_beneath_what_looks_like_an_action_is_a_name():
    assert said("CNAME", "rpz-log.garden.test.") == local("CNAME rpz-log.garden.test.")


@pytest.mark.parametrize("rtype", ["CNAME", "NS"])
def test_a_relative_name_in_a_zone_without_a_name_is_told(rtype):
    with pytest.raises(RecordFormError, match=r"'garden' is relative .*; write `garden\.`"):
        said(rtype, "garden", origin="")


def test_all_known_words_end_in_a_dot_and_no_two_do_the_same():
    assert all(word.endswith(".") for word in ENCODED)
    assert len(set(ENCODED.values())) == len(ENCODED)
    assert [word for word, outcome in ENCODED.items() if outcome.action is None] == [
        "rpz-passthru."
    ]


ADDRESSES = st.ip_addresses(v=4).map(lambda address: f"A {address}")
TTLS = st.none() | st.integers(0, 0x7FFFFFFF)


@given(st.lists(st.builds(local, ADDRESSES, TTLS), min_size=1))
def test_records_of_one_owner_are_one_answer_in_their_order_with_the_least_ttl(found):
    outcome = together(found)
    assert outcome.action is Action.RECORDS
    assert outcome.records == tuple(each.record.text for each in found)
    ttls = [each.ttl for each in found if each.ttl is not None]
    assert outcome.ttl == (min(*ttls, 604_800) if ttls else None)
    assert all(records.parse(text).text == text for text in outcome.records)


A, TXT = local("A 198.18.0.1"), local("TXT " + " ".join([f'"{"t" * 255}"'] * 100))
CNAME = local("CNAME garden.test.")


@pytest.mark.parametrize(
    ("found", "more", "part"),
    [
        ([], CNAME, ""),
        ([], A, ""),
        ([A], local("A 198.18.0.2"), ""),
        ([A], local("TXT x"), ""),
        ([A], CNAME, "stands alone"),
        ([CNAME], A, "stands alone"),
        ([CNAME], local("CNAME b.test."), "stands alone"),
        ([TXT], TXT, ""),
        ([A] * 3749, A, ""),  # name, type, class, TTL and length are 12 octets: RFC 1035 4.1.3
        ([A] * 3750, A, f"more than {MOST_OCTETS} octets"),
        ([TXT, TXT], TXT, f"more than {MOST_OCTETS} octets"),
    ],
)
def test_what_cannot_stand_in_one_answer_is_objected_to(found, more, part):
    answer = Answer()
    assert not any(answer.take(each) for each in found)
    said_so = answer.take(more)
    assert answer.records == ([*found] if part else [*found, more])
    assert answer.has(more) is (more in answer.records)
    assert bool(said_so) is bool(part)
    assert part in said_so
