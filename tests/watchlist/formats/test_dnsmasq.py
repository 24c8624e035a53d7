"""dnsmasq lists: each option by what dnsmasq(8) says it does, every line counted once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.watchlist.formats import dnsmasq
from tests.watchlist.formats.accounting import accounted, problems, written

TAKEN = [
    ("address=/a.example/", ["a.example"]),
    ("address=/a.example/#", ["a.example"]),
    ("address=/a.example/0.0.0.0", ["a.example"]),
    ("address=/a.example/127.0.0.1", ["a.example"]),
    ("address=/a.example/::", ["a.example"]),
    ("address = /A.Example/0.0.0.0 # why", ["a.example"]),
    ("--address=/a.example/0.0.0.0", ["a.example"]),
    ("server=/a.example/", ["a.example"]),
    ("local=/a.example/", ["a.example"]),
    ("local=/.a.example/", ["a.example"]),
    ("local=/*.a.example/", ["*.a.example"]),
    ("local=/a.example/b.example/*.c.example/", ["a.example", "b.example", "*.c.example"]),
    ("address=/a.example/b.example/198.18.0.80", [
        "a.example address 198.18.0.80", "b.example address 198.18.0.80",
    ]),
    ("address=/a.example/2001:DB8::80", ["a.example address 2001:db8::80"]),
    ("server=/a.example/#", ["@@a.example"]),
    ("server=/a.example/198.18.0.53#5353", ["@@a.example"]),
    ("local=/示例.example/", ["示例.example"]),
]  # fmt: skip


@pytest.mark.parametrize(("line", "entries"), TAKEN)
@pytest.mark.parametrize("before", ["", "# comment\n\n"])
def test_options_that_list_names_are_entry_lines(line, entries, before):
    parsed = dnsmasq.parse(f"{before}{line}\n", "x.conf")
    assert parsed.issues == []
    assert sorted(written(parsed)) == sorted(entries)
    assert (parsed.entries, parsed.format) == (1, "dnsmasq")
    assert accounted(parsed)


BAD = [
    ("address=/a..example/", "empty label"),
    ("address=/a.example/b.example", "is not an IPv4 or IPv6 address"),
    ("address=/a.example/198.18.0.0/24", "is not an IPv4 or IPv6 address"),
    ("address=/=a.example/", "knows no `=name`"),
    ("address=/198.18.0.1/", "is an address"),
    ("a.example", "is nothing that dnsmasq reads"),
    ("local=/a.example", "is nothing that dnsmasq reads"),
    ("address=/#/198.18.0.1", "not taken: every name `/#/`"),
    ("local=//", "not taken: unqualified names `//`"),
    ("local=/*ads.example/", "not taken: wildcard"),
    ("no-resolv", "not taken: option no-resolv"),
    ("conf-dir=/etc/dnsmasq.d", "not taken: option conf-dir"),
    ("server=198.18.0.53", "not taken: option server"),
    ("address=/b.example/", "b.example is listed at line 1 already"),
]


@pytest.mark.parametrize(("line", "said"), BAD)
def test_what_lists_nothing_is_one_issue_at_its_line(line, said):
    parsed = dnsmasq.parse(f"address=/b.example/0.0.0.0\n{line}\n", "x.conf")
    ((number, message),) = problems(parsed)
    assert number == 2
    assert said in message
    assert written(parsed) == ["b.example"]
    assert accounted(parsed)


ANSWERS = [
    (["/a.example/198.18.0.80", "/a.example/2001:db8::80"], ["198.18.0.80 2001:db8::80"], []),
    (["/a.example/2001:db8::80", "/a.example/198.18.0.80"], ["198.18.0.80 2001:db8::80"], []),
    (["/a.example/198.18.0.80", "/a.example/198.18.0.81"], ["198.18.0.80 198.18.0.81"], []),
    (["/a.example/198.18.0.80", "/a.example/198.18.0.80"], ["198.18.0.80"], [2]),
    (["/a.example/2001:db8::80", "/a.example/2001:db8::80"], ["2001:db8::80"], [2]),
]


@pytest.mark.parametrize(("options", "addresses", "twice"), ANSWERS)
@pytest.mark.parametrize("others", [0, 4])
def test_addresses_of_one_name_are_one_answer(options, addresses, twice, others):
    more = "".join(f"address=/n{number}.example/198.18.0.80\n" for number in range(others))
    text = "".join(f"address={option}\n" for option in options)
    parsed = dnsmasq.parse(text + more, "x.conf")
    assert [t for t in written(parsed) if t.startswith("a.")] == [
        f"a.example address {each}" for each in addresses
    ]
    assert [line for line, _ in problems(parsed)] == twice
    assert len(parsed.names) == others + 1
    assert accounted(parsed)


def test_the_null_addresses_of_both_families_are_no_duplicates():
    pairs = "".join(f"address=/{n}.example/0.0.0.0\naddress=/{n}.example/::\n" for n in "abc")
    blocks = "".join(f"address=/{n}.example/::\n" for n in "defg")
    blocks += "".join(f"address=/{n}.example/0.0.0.0\n" for n in "defg")
    parsed = dnsmasq.parse(pairs + blocks, "x.conf")
    assert parsed.issues == []
    assert written(parsed) == [f"{name}.example" for name in "abcdefg"]
    assert parsed.entries == 14
    assert [i.origin.line for i in dnsmasq.parse(pairs + pairs, "x").issues] == [*range(7, 13)]


def test_good_names_of_a_bad_line_are_taken():
    parsed = dnsmasq.parse(
        "address=/a.example/b..example/198.18.0.80\nlocal=/c..d/e.example/\n", "x"
    )
    assert written(parsed) == ["a.example address 198.18.0.80", "e.example"]
    assert [line for line, _ in problems(parsed)] == [1, 2]
    assert accounted(parsed)


PART = st.sampled_from([
    "address=", "server=", "local=", "/", "a.example", "b.example", "#", "0.0.0.0", "::",
    "198.18.0.80", "2001:db8::80", " ", "*.", "*", "=", "é", "\r", "no-resolv", ".",
])  # fmt: skip
WHOLE = st.tuples(
    st.sampled_from(["address", "server", "local"]),
    st.lists(st.sampled_from(["a.example", "b.example", "c.example"]), min_size=1, max_size=2),
    st.sampled_from(["", "#", "0.0.0.0", "::", "198.18.0.80", "198.18.0.81", "2001:db8::80"]),
).map(lambda found: f"{found[0]}=/{'/'.join(found[1])}/{found[2]}")


@given(st.lists(WHOLE | st.lists(PART, max_size=7).map("".join), max_size=25))
def test_every_line_is_counted_once(lines):
    parsed = dnsmasq.parse("".join(f"{line}\n" for line in lines), "x")
    assert parsed.lines == len(lines)
    assert accounted(parsed)
