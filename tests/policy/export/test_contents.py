"""What every export reads: routes cut around exceptions, names between, a header."""

import pytest
from hypothesis import given, settings

from blockd import names, prefixes
from blockd.policy.export import dnsmasq, hosts, unbound
from blockd.policy.export.contents import Contents, blocks
from blockd.watchlist import formats
from tests import entries
from tests.entries import CORNER, TODAY, UNIVERSE

LIST = b"""\
[list]
name = "A list"
authority = "Example Authority"
basis = "order"
[[platform]]
id = "p"
domains = ["a.test", "=b.a.test"]
prefixes = ["198.18.1.0/24"]
[[platform]]
id = "q"
authority = "Another Authority"
domains = ["c.test"]
[[allow]]
domains = ["d.c.b.a.test"]
prefixes = ["198.18.1.128/25"]
reason = "a test"
"""


def test_the_header_says_what_this_is_and_on_whose_word(contents_of):
    contents = contents_of([formats.parse(LIST, "a.toml")])
    contents.lose("things", 0)
    contents.lose("names", 2)
    contents.lose("names")
    assert [*contents.header("#", "A file", ["a note"]), *contents.footer("#")] == [
        "# A file, exported by blockd",
        "# generation 7 of 2026-03-01 12:00:00 UTC: 4 names, 2 prefixes",
        "# list: A list, on the word of Example Authority (order)",
        "# list: A list, on the word of Another Authority (order)",
        "# a note",
        "# names: 3",
    ]


@settings(max_examples=40, deadline=None)
@given(entries.lists)
def test_routes_are_disjoint_and_cover_what_is_blocked(contents_of, sources):
    contents: Contents = contents_of(sources)
    found = [prefix for prefix, _ in contents.routes()]
    assert found == sorted(found)
    for prefix in (each for each in CORNER if each.length == 32):
        entry = entries.deciding_prefix(prefix, sources, TODAY)
        covering = sum(each.covers(prefix) for each in found)
        assert covering == (entry is not None and not entry.rule.allow)


def test_a_file_name_cannot_end_the_comment_it_stands_in(contents_of):
    contents = contents_of([formats.parse(b"a.test\n", "/x/a\nevil CNAME .txt")])
    assert [*contents.header(";", "A file")][2] == "; list: a?evil CNAME .txt (policy)"


def test_a_range_is_as_few_prefixes_as_can_be(contents_of):
    contents = contents_of([formats.parse(LIST, "a.toml")])
    assert [str(prefix) for prefix, _ in contents.routes()] == ["198.18.1.0/25"]
    whole = b'[[platform]]\nid = "p"\nprefixes = ["198.18.0.0/16", "2001:db8::/32"]\n'
    contents = contents_of([formats.parse(whole, "a.toml")])
    assert [prefix for prefix, _ in contents.routes()] == [
        prefixes.parse("198.18.0.0/16"), prefixes.parse("2001:db8::/32"),
    ]  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(entries.lists)
def test_names_and_those_between_say_all_where_a_wildcard_ends_at_the_next_name(
    contents_of, sources
):
    contents: Contents = contents_of(sources)
    listed = {each.name: each for each in (*contents.names(), *contents.between())}
    nodes = {suffix for name in listed for suffix in names.suffixes(name)}
    for wire in UNIVERSE:
        entry = entries.deciding(wire, sources)
        closest = next((each for each in names.suffixes(wire) if each in nodes), None)
        found = listed.get(closest)
        rule = None if found is None else found.itself if closest == wire else found.below
        assert blocks(rule) == (entry is not None and not entry.rule.allow)


@pytest.mark.parametrize("form", [hosts, dnsmasq, unbound])
def test_what_is_sent_to_tcp_stays_open_where_there_is_one_answer(contents_of, form):
    listed = (
        b"[[platform]]\nid = 'a'\ndomains = ['a.test']\n"
        b"[[platform]]\nid = 'b'\ndomains = ['b.a.test', '*.c.test']\naction = 'tcp-only'\n"
    )
    contents = contents_of([formats.parse(listed, "a.toml")])
    lines = [line for line in form.lines(contents) if not line.startswith("#")]
    blocked = [
        line for line in lines if "transparent" not in line and not line.startswith("server")
    ]
    assert blocked
    assert not any("b.a.test" in line or "c.test" in line for line in blocked)
    left = {what: n for what, n in contents.lost.items() if "send a query to TCP" in what}
    assert list(left.values()) == [2]
