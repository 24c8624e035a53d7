"""Feeds of addresses: prefixes, ranges, comments of both kinds, every line counted once."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import prefixes
from blockd.errors import PrefixFormError
from blockd.watchlist.formats import addresses
from tests.watchlist.formats.accounting import accounted, problems, written

TAKEN = [
    ("198.18.0.1", ["198.18.0.1/32"]),
    ("198.18.1.0/24", ["198.18.1.0/24"]),
    ("198.18.1.0/24 ; SBL1", ["198.18.1.0/24"]),
    ("198.18.1.0/24\t# why", ["198.18.1.0/24"]),
    ("2001:DB8::/32", ["2001:db8::/32"]),
    ("2001:db8::1 ; why", ["2001:db8::1/128"]),
    ("::ffff:198.18.0.1", ["::ffff:198.18.0.1/128"]),
    ("198.18.4.0-198.18.5.255", ["198.18.4.0/23"]),
    ("198.18.5.1 - 198.18.5.2", ["198.18.5.1/32", "198.18.5.2/32"]),
    ("198.18.6.0\t198.18.6.255\t24\t100\tNETWORK\tXX", ["198.18.6.0/24"]),
    ("2001:db8::-2001:db8::ffff", ["2001:db8::/112"]),
]


@pytest.mark.parametrize(("line", "entries"), TAKEN)
def test_addresses_prefixes_and_ranges_are_entries(line, entries):
    parsed = addresses.parse(f"; c\n# c\nStart\tEnd\tNetmask\n\n{line}\r\n", "x.ip")
    assert parsed.issues == []
    assert written(parsed) == entries
    assert (parsed.entries, parsed.comments, parsed.blanks) == (1, 3, 1)
    assert accounted(parsed)


BAD = [
    ("198.18.3.1/24", "host bits set; 198.18.3.0/24 was probably meant"),
    ("198.18.0.9", "198.18.0.9/32 is listed at line 1 already"),
    ("a.example", "is a name"),
    ("198.18.00.1", "is not an IPv4"),
    ("300.1.1.1", "is not an IPv4"),
    ("198.18.7.0/33", "is not an IPv4"),
    ("198.18.7.0/255.255.255.0", "is not an IPv4"),
    ("198.18.0.1:80", "is not an IPv4"),
    ("2001:db8::1::2", "is not an IPv4"),
    ("198.18.9.9-198.18.9.1", "ends before it begins"),
    ("198.18.9.9-2001:db8::", "ends before it begins"),
    ("198.18.9.9-300.1.1.1", "is not an IPv4"),
    ("http://198.18.0.1/x", "is not an IPv4"),
    ("198.18.0.1 198.18.0.2", "is not an IPv4"),
]


@pytest.mark.parametrize(("line", "said"), BAD)
@pytest.mark.parametrize("others", [1, 5])
def test_a_bad_line_is_one_issue_at_its_line(line, said, others):
    good = "".join(f"198.18.0.{9 + number}\n" for number in range(others))
    parsed = addresses.parse(f"{good}{line}\n198.18.8.8\n", "x.ip")
    ((number, message),) = problems(parsed)
    assert number == others + 1
    assert said in message
    assert len(parsed.prefixes) == others + 1
    assert accounted(parsed)


NUMBER = st.one_of(st.integers(0, 600), st.integers((1 << 32) - 300, (1 << 32) - 1))


@given(NUMBER, NUMBER)
def test_a_range_is_the_fewest_prefixes_that_hold_its_addresses(one, two):
    first, last = (ipaddress.IPv4Address(number) for number in sorted((one, two)))
    found = addresses.between(str(first), str(last))
    wanted = ipaddress.summarize_address_range(first, last)
    assert [str(prefix) for prefix in found] == [str(network) for network in wanted]


@given(st.integers(0, (1 << 128) - 1), st.integers(0, 130), st.booleans())
def test_prefixes_are_read_as_the_standard_library_reads_them(number, length, is_v6):
    address = ipaddress.IPv6Address(number) if is_v6 else ipaddress.IPv4Address(number % (1 << 32))
    for text in (str(address), address.exploded.upper(), f"{address}/{length}"):
        try:
            wanted = ipaddress.ip_network(text)
        except ValueError:
            wanted = None
        try:
            found = prefixes.parse(text)
        except PrefixFormError:
            found = None
        assert (found and str(found)) == (wanted and str(prefixes.Prefix(
            wanted.version, int(wanted.network_address), wanted.prefixlen
        )))  # fmt: skip


@given(st.text(st.sampled_from("0123456789abcf:./"), max_size=20))
def test_what_is_no_address_to_the_standard_library_is_none_here(text):
    try:
        found = prefixes.parse(text)
    except PrefixFormError:
        return
    network = ipaddress.ip_network(text)
    assert (found.network, found.length) == (int(network.network_address), network.prefixlen)


PART = st.sampled_from(
    [
        "198.18.0.1",
        "198.18.0.0",
        "2001:db8::1",
        "/24",
        "/33",
        "-",
        " ",
        "\t",
        "#",
        ";",
        "a.example",
        "é",
    ]
)


@given(st.lists(st.lists(PART, max_size=5).map("".join) | st.text(max_size=20), max_size=25))
def test_every_line_is_counted_once(lines):
    text = "".join(line.replace("\n", "") + "\n" for line in lines)
    parsed = addresses.parse(text, "x")
    assert parsed.lines == len(lines)
    assert accounted(parsed)
