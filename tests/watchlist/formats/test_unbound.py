"""Unbound lists: zones by what their type answers, data by what it says, every line once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.watchlist.formats import unbound
from tests.watchlist.formats.accounting import accounted, problems, written

TAKEN = [
    (['local-zone: "a.example" always_nxdomain'], ["a.example nxdomain"]),
    (["local-zone: a.example. static"], ["a.example nxdomain"]),
    (["  local-zone:\t'A.Example' \"always_null\" # why"], ["a.example zero"]),
    (['local-zone: "a.example" always_nodata'], ["a.example nodata"]),
    (['local-zone: "a.example" refuse'], ["a.example refused"]),
    (['local-zone: "a.example" always_refuse'], ["a.example refused"]),
    (['local-zone: "a.example" deny'], ["a.example drop"]),
    (['local-zone: "a.example" inform_deny'], ["a.example drop"]),
    (['local-zone: "a.example" transparent'], ["@@a.example"]),
    (['local-zone: "示例.example" static'], ["示例.example nxdomain"]),
    (['local-data: "a.example A 0.0.0.0"'], ["=a.example"]),
    (['local-data: "a.example A 0.0.0.0"', 'local-data: "a.example AAAA ::"'], ["=a.example"]),
    (['local-data: "a.example. 60 IN A 198.18.0.80"'], ["=a.example address 198.18.0.80"]),
    (["local-data: 'a.example TXT \"blocked\"'"], ['=a.example records TXT "blocked"']),
    (
        ['local-zone: "a.example" redirect', 'local-data: "a.example A 0.0.0.0"'],
        ["a.example"],
    ),
    (
        [
            'local-zone: "a.example" redirect', 'local-data: "a.example A 127.0.0.1"',
            'local-data: "a.example AAAA ::1"',
        ],
        ["a.example"],
    ),
    (
        [
            'local-zone: "a.example" redirect', 'local-data: "a.example 60 IN A 198.18.0.80"',
            'local-data: "a.example AAAA 2001:db8::80"',
        ],
        ["a.example address 198.18.0.80 2001:db8::80"],
    ),
    (
        ['local-zone: "a.example" redirect', 'local-data: "a.example CNAME garden.example."'],
        ["a.example records CNAME garden.example."],
    ),
    (
        ['local-zone: "a.example" static', 'local-data: "www.a.example A 198.18.0.80"'],
        ["a.example nxdomain", "=www.a.example address 198.18.0.80"],
    ),
    (
        ['local-zone: "a.example" typetransparent', 'local-data: "a.example A 0.0.0.0"'],
        ["=a.example", "@@*.a.example"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "entries"), TAKEN)
@pytest.mark.parametrize("before", ["", "server:\n# comment\n\n"])
def test_zones_and_data_are_entries(lines, entries, before):
    parsed = unbound.parse(before + "".join(f"{line}\n" for line in lines), "x.conf")
    assert parsed.issues == []
    assert sorted(written(parsed)) == sorted(entries)
    assert (parsed.entries, parsed.format) == (len(lines), "unbound")
    assert accounted(parsed)


BAD = [
    ('local-zone: "a..example" static', "empty label"),
    ('local-zone: "*.a.example" static', "a zone is a name alone"),
    ('local-zone: "a.example"', 'write `local-zone: "name" type`'),
    ('local-zone: "a.example" blocked', "is no type of a local-zone"),
    ('local-zone: "a.example" inform', "not taken: local-zone of type inform"),
    ('local-zone: "a.example" redirect', "is redirected nowhere"),
    ('local-zone: "b.example" static', "b.example is listed at line 1 already"),
    ('local-zone: "a.example static', "close the quotes"),
    ('local-data: "a.example A x.example"', "is no address for A"),
    ('local-data: "a.example AAAA 198.18.0.1"', "is no address for AAAA"),
    ('local-data: "a.example A"', 'write `local-data: "name A address"`'),
    ('local-data: "a.example NONSENSE x"', "NONSENSE"),
    ("a.example", "is no option of Unbound"),
    ('include: "/etc/unbound/other.conf"', "not taken: option include"),
    ("verbosity: 1", "not taken: option verbosity"),
]


@pytest.mark.parametrize(("line", "said"), BAD)
def test_what_lists_nothing_is_one_issue_at_its_line(line, said):
    parsed = unbound.parse(f'local-zone: "b.example" always_nxdomain\n{line}\n', "x.conf")
    ((number, message),) = problems(parsed)
    assert number == 2
    assert said in message
    assert written(parsed) == ["b.example nxdomain"]
    assert accounted(parsed)


@pytest.mark.parametrize("times", [1, 3])
def test_zones_that_lead_to_one_address_may_have_another_family_besides(times):
    text = "".join(
        f'local-zone: "n{n}.example" redirect\nlocal-data: "n{n}.example A 198.18.0.80"\n'
        for n in range(times)
    )
    text += 'local-data: "n0.example AAAA 2001:db8::80"\n'
    parsed = unbound.parse(text, "x.conf")
    assert parsed.issues == []
    assert written(parsed) == [
        "n0.example address 198.18.0.80 2001:db8::80",
        *(f"n{n}.example address 198.18.0.80" for n in range(1, times)),
    ]


LINE = st.one_of(
    st.tuples(
        st.sampled_from(["a.example", "b.example", "c.a.example"]),
        st.sampled_from(["static", "redirect", "transparent", "always_null", "inform", "x"]),
    ).map(lambda found: f'local-zone: "{found[0]}" {found[1]}'),
    st.tuples(
        st.sampled_from(["a.example", "b.example", "c.a.example"]),
        st.sampled_from([
            "A 0.0.0.0", "A 198.18.0.80", "AAAA ::", "AAAA 2001:db8::80", "CNAME x.", "A",
        ]),
    ).map(lambda found: f'local-data: "{found[0]} {found[1]}"'),
    st.lists(
        st.sampled_from([
            "local-zone:", "local-data:", '"', "'", " ", "a.example", "static", "#", "é",
        ])
    ).map("".join),
    st.text(max_size=20).map(lambda text: text.replace("\n", "")),
)  # fmt: skip


@given(st.lists(LINE, max_size=25))
def test_every_line_is_counted_once(lines):
    parsed = unbound.parse("".join(f"{line}\n" for line in lines), "x")
    assert parsed.lines == len(lines)
    assert accounted(parsed)
