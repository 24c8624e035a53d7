"""Bytes from the kernel are parsed for what they are; bytes from nowhere hurt nobody."""

from hypothesis import given
from hypothesis import strategies as st

from blockd import prefixes
from blockd.routes import facts, messages
from blockd.routes.model import METRIC, FibRule, Install, Kind, Route

P = prefixes.parse


@given(
    st.sampled_from(["198.18.1.0/28", "198.18.1.1", "2001:db8::/32", "2001:db8::1"]),
    st.sampled_from(list(Kind)),
    st.sampled_from([100, 5354, 2**32 - 2]),
)
def test_what_is_packed_is_parsed_again(text, kind, table):
    prefix = P(text)
    packed = messages.pack_change(Install(prefix, kind, replaces=False), table, 177, 7, 0)
    [(message, flags, sequence, start, end)] = messages.split(packed)
    assert (message, sequence) == (messages.NEW_ROUTE, 7)
    assert flags & messages.EXCLUSIVE
    assert messages.parse_route(packed, start, end) == (
        table,
        Route(prefix, kind, 177, METRIC[prefix.family]),
    )


def test_only_a_change_of_type_replaces():
    packed = messages.pack_change(Install(P("198.18.1.1"), Kind.THROW, True), 5354, 177, 1, 0)  # noqa: FBT003
    [(_, flags, *_)] = messages.split(packed)
    assert flags & messages.REPLACE
    assert not flags & messages.EXCLUSIVE


def test_a_rule_is_parsed_as_packed():
    rule = FibRule(6, 5354, 5354, 177, plain=True)
    packed = messages.pack_rule(rule, 1, add=True)
    [(_, _, _, start, end)] = messages.split(packed)
    assert messages.parse_rule(packed, start, end) == rule


@given(st.binary(max_size=300))
def test_datagrams_are_split_within_their_bounds(datagram):
    for _, _, _, start, end in messages.split(datagram):
        assert 16 <= start <= end <= len(datagram)


def test_upstreams_come_from_resolv_conf_where_none_are_configured():
    from blockd.config import Config

    text = "# nameserver 198.18.0.1\nnameserver 198.18.0.53\nnameserver fe80::1%eth0\nsearch x\n"
    found = facts.configured(Config(), text)
    assert found[P("198.18.0.53")] == "upstream resolver"
    assert P("198.18.0.1") not in found
