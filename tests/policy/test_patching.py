"""Lists of which a few lines change: what is found out by these lines is what all lines say."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockd.config import Config, GuardSection, ListSection, NeverItem, Share, SourceSection
from blockd.policy.patching import Patcher
from blockd.policy.store import Store
from tests.policy.test_unchanged import outcome_of

pytestmark = pytest.mark.usefixtures("suffixes_are_read_once")

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALL = Share(percent=100)
GUARD = GuardSection(
    budget=ALL, max_added=Share(number=1000), max_removed=Share(number=1000),
    never=(NeverItem.parse("n.never.example"),), shortest_v4=20,
)  # fmt: skip
LINES = {
    "a.txt": [
        "a.example", "b.a.example", "A.Example", "b.example  # more", "=a.example", "*.a.example",
        "com", "never.example", "a..b", "", "# comment", "c.example\r", "b\u00fccher.example",
        "=x.example", "*.x.example", "x.example", ".", "*.", "\u0915\u094d\u200d\u0937.example",
    ],
    "b.hosts": [
        "0.0.0.0 a.example", "0.0.0.0 b.example c.example", "0.0.0.0 d.example", ":: d.example",
        "0.0.0.0 localhost", "198.18.0.1 e.example", "# comment", "", "0.0.0.0 a.example a..b",
        "0.0.0.0 never.example", "0.0.0.0", "127.0.0.1 d.example", "0.0.0.0 com a..b",
        "0.0.0.0 f.example localhost.localdomain", "0.0.0.0 .",
    ],
    "c.adblock": [
        "||a.example^", "||b.a.example^", "@@||b.a.example^", "||c.example^$important", "! comment",
        "||c.example^", "##.banner", "||d.example^$badfilter", "||d.example^", "!#if x", "!#endif",
        "||com^", "|e.example^", "@@||a.example^", "||198.18.1.1^", "||*.f.example^", "",
        "@@||198.18.1.1^",
    ],
    "d.ipset": [
        "198.18.1.0/28", "198.18.1.1", "198.18.1.1-198.18.1.3", "2001:db8::/48", "10.0.0.0/8",
        "; no", "198.18.0.0/15", "198.18.1.1/24", "", "198.18.2.1", "198.18.2.1/32",
    ],
    "f.conf": [
        "address=/a.example/", "address=/a.example/0.0.0.0", "local=/b.example/", "# comment", "",
        "address=/c.example/d.example/#", "server=/e.example/", "address=/b.a.example/::",
        "server=/b.a.example/198.18.0.53", "address=/f.example/198.18.0.9", "cache-size=10",
        "address=/c.example/", "address=/com/", "address=//", "address=/a..b/a.example/",
        "address=/never.example/", "address=/.g.example/ # more", "local=/*.a.example/",
    ],
    "g.zones": [
        'local-zone: "a.example" static', 'local-zone: "b.example" always_nxdomain', "server:",
        'local-zone: "a.example" always_nxdomain', 'local-zone: "b.a.example" transparent', "",
        'local-zone: "c.example." static', 'local-zone: "com" static', "  # comment",
        "verbosity: 1",
        'local-zone: "d.example" refuse', 'local-zone: "a..b" static', 'local-zone: "x.example"',
        'local-data: "d.example A 0.0.0.0"', 'local-zone: "e.example" redirect',
        'local-data: "e.example A 198.18.0.9"', 'local-zone: "never.example" static',
        "local-zone: 'f.example' static", f'local-zone: "{64 * "a"}" static',
    ],
    "e.rpz": [
        "a.example CNAME .", "*.a.example CNAME .", "b.example CNAME .", "*.b.example CNAME .",
        "c.example CNAME .", "*.c.example CNAME .", "d.example IN CNAME .", "", "; comment",
        "*.d.example 60 CNAME .", "e.example CNAME .", "*.e.example CNAME .", "com CNAME .",
        "*.com CNAME .", "never.example CNAME .", "32.1.1.18.198.rpz-ip CNAME .",
        "f.example.rpz-nsdname CNAME .", "a..b CNAME .", "@ 60 SOA a. b. 2 2 3 4 5",
        "g.example CNAME rpz-drop.", "h.example CNAME rpz-passthru.", "i.example A 198.18.0.9",
        "$INCLUDE x", "$GENERATE 1-2 a$ A 198.18.0.9", "$ORIGIN a b", "$ORIGIN x..y.", "$ORIGIN",
        "  CNAME .", "$ORIGIN z", "$TTL 60", "j.example NS a.", "k.example CNAME (", ")",
    ],
    "h.csv": [
        "a.example,x", "b.example,y", '"c.example",x', '"d.example","x, y"', "# comment", "",
        "198.18.1.1,x", "*.a.example,z", "com,x", "never.example,x", "a..b,x", "e.example", ",x",
        'f.example,x"y', '"g.example', 'h.example"', "i.example,", "a.example,other",
    ],
}  # fmt: skip
LINES["i.rpz"] = LINES["e.rpz"] + [
    "l.a.example CNAME .", "*.b.a.example CNAME rpz-drop.", "*.example CNAME .",
    "24.0.1.18.198.rpz-ip CNAME .", "48.zz.db8.2001.rpz-ip CNAME .", "example CNAME .",
]  # fmt: skip
HEADS = {
    "a.txt": ["own.a.example"], "b.hosts": ["0.0.0.0 own.b.example"],
    "c.adblock": ["||own.c.example^"],
    "d.ipset": ["198.18.200.0/24"], "f.conf": ["address=/own.f.example/"],
    "g.zones": ["server:", 'local-zone: "own.g.example" static'],
    "e.rpz": ["$TTL 60", "@ SOA a. b. 1 2 3 4 5", " NS x.", "own.e.example CNAME ."],
    "i.rpz": ["$TTL 60", "@ SOA a. b. 1 2 3 4 5", " NS x.", "own.i.example CNAME ."],
    "h.csv": ["indicator,note", "own.h.example,x"],
}  # fmt: skip
TERMS = [
    {}, {"reference": "R"}, {"enforce": False}, {"action": "nodata"}, {"action": "disabled"},
    {"action": "passthru"}, {"budget": Share(percent=30)}, {"authority": "A", "contact": "C"},
]  # fmt: skip
TABLES = [
    "",
    "[[platform]]\nid = 'p'\ndomains = ['a.example', '=c.example']\nprefixes = ['198.18.1.1']\n",
    "[[allow]]\nreason = 'x'\ndomains = ['b.a.example']\nprefixes = ['198.18.1.2']\n",
    "[[allow]]\nreason = 'y'\ndomains = ['*.a.example', 'n.never.example']\n",
]  # fmt: skip


def lines_of(name):
    return st.lists(st.sampled_from(LINES[name]), min_size=2, max_size=14)


_name = st.sampled_from(list(LINES))
_begin = st.fixed_dictionaries(
    {name: st.tuples(lines_of(name), st.sampled_from(TERMS)) for name in LINES}
)
_edit = _name.flatmap(
    lambda name: st.tuples(
        st.just(name), st.integers(0, 20), st.integers(0, 2),
        st.lists(st.sampled_from(LINES[name]), max_size=2),
    )
)  # fmt: skip
_steps = st.lists(
    st.tuples(st.lists(_edit, min_size=1, max_size=3), st.sampled_from(TABLES)),
    min_size=1,
    max_size=4,
)


def put(path, lines):
    path.write_text(
        "".join(f"{line}\n" for line in [*HEADS.get(path.name, ()), *lines]), newline=""
    )


def agree(top, begin, steps):
    """Compile all steps the short way and the whole one, and compare all that comes of them."""
    lists = top / "lists"
    lists.mkdir()
    now = {name: list(lines) for name, (lines, _) in begin.items()}
    for name, lines in now.items():
        put(lists / name, lines)
    sources = tuple(
        SourceSection(path=str(lists / name), **terms) for name, (_, terms) in begin.items()
    )
    config = Config(list=ListSection(paths=(str(lists),), source=sources), guard=GUARD)
    short, whole = Store(top / "short"), Store(top / "whole")
    for edits, table in [([], TABLES[0]), *steps]:
        for name, place, gone, came in edits:
            at = place % (len(now[name]) + 1)
            now[name][at : at + gone] = came
            put(lists / name, now[name])
        (lists / "own.toml").unlink(missing_ok=True)
        if table:
            (lists / "own.toml").write_text(table)
        (whole.state / "recompile").unlink(missing_ok=True)
        found, wanted = (outcome_of(store, config, NOW, "p") for store in (short, whole))
        assert found == wanted


@settings(max_examples=50)
@given(_begin, _steps)
def test_after_a_few_other_lines_all_is_as_if_every_line_were_read(begin, steps):
    with tempfile.TemporaryDirectory() as scratch:
        agree(Path(scratch), begin, steps)


class Watched:
    """One list, and whether it was patched."""

    def __init__(self, top, monkeypatch, name):
        self.path = top / name
        self.config = Config(list=ListSection(paths=(str(self.path),)), guard=GUARD)
        self.stores = Store(top / "short"), Store(top / "whole")
        self.found = []
        patched = Patcher.patched

        def watching(*given):
            self.found.append(patched(*given) is not None)
            return patched(*given)

        monkeypatch.setattr(Patcher, "patched", watching)

    def becomes(self, text):
        """Compile a text both ways, which must agree; True: by a patch."""
        self.path.write_text(text, newline="")
        self.found.clear()
        (self.stores[1].state / "recompile").unlink(missing_ok=True)
        short, whole = (outcome_of(store, self.config, NOW, "p") for store in self.stores)
        assert short == whole
        return self.found == [True]


A, B, C = "a.example\n", "b.example\n", "c.example\n"
PLAIN = {
    "a line more at the end": (A + B, A + B + C),
    "a line more in front": (A + B, C + A + B),
    "a line less": (A + B + C, A + C),
    "another line": (A + B, C + B),
    "a comment more": (A + B, "# new\n" + A + B),
    "a blank less": (A + "\n" + B, A + B),
    "a line that is wrong now": (A + B + C, A + "b..example\n" + C),
    "a line that is right now": (A + "b..example\n" + C, A + B + C),
    "a repetition further below": (A + B, A + B + A),
    "the first of two goes": (A + B + A + C, B + A + C),
    "the second of two goes": (A + B + A + C, A + B + C),
    "lines change places": (A + B + C, B + A + C),
    "a public suffix comes": (A + B, A + "com\n" + B),
    "a public suffix goes": (A + "com\n" + B + "com\n", A + B + "com\n"),
    "another scope": (A + B, A + "*.b.example\n"),
    "the same in capitals": (A + B, "A.EXAMPLE\n" + B),
    "other ends of lines": (A + B, "a.example\r\n" + B),
    "a byte order mark": (A + B, "\ufeff" + A + C),
    "the root comes": (A + B, A + ".\n" + B),
    "the root goes": (A + "*.\n" + B, A + B),
    "a repetition that no terminal may see": (
        A + "\u0915\u094d\u200d\u0937.example\n",
        A + 2 * "\u0915\u094d\u200d\u0937.example\n",
    ),
}
UNCLEAR = {
    "a repetition above": (A + B, B + A + B),
    "a name in two scopes": (A + B, A + B + "=a.example\n"),
    "another format": (A + B, "0.0.0.0 a.example\n0.0.0.0 b.example\n"),
    "a line that is not text": (A + B, A + "\0\n" + B),
    "an end that is cut off": (A + B, A + B + "c.exam"),
    "nothing that is listed": (A, "# none\n"),
}


@pytest.mark.parametrize("what", PLAIN)
def test_plain_changes_need_no_other_line(tmp_path, monkeypatch, what):
    watched = Watched(tmp_path, monkeypatch, "list.txt")
    before, after = PLAIN[what]
    watched.becomes(before)
    assert watched.becomes(after)
    watched.becomes(before)  # on the basis of the patch


@pytest.mark.parametrize("what", UNCLEAR)
def test_what_depends_on_other_lines_reads_them(tmp_path, monkeypatch, what):
    watched = Watched(tmp_path, monkeypatch, "list.txt")
    before, after = UNCLEAR[what]
    watched.becomes(before)
    assert not watched.becomes(after)


_A, _B, _C = (f'local-zone: "{name}.example" static\n' for name in "abc")
_SOA = "$TTL 60\n@ SOA a. b. {} 2 3 4 5\n NS a.\n" + "".join(
    f"{name}.example CNAME .\n" for name in "opqrst"
)
_ONE, _TWO = _SOA.format(1), _SOA.format(2)
_RA, _RB = (f"{name}.example CNAME .\n*.{name}.example CNAME .\n" for name in "ab")
_LONG = _ONE.replace(" NS a.\n", 300 * " NS a.\n")
_ROWS = "domain,note\no.example,x\n"
_CHANGES = {
    "zones": ("u.conf", _A + _B, _A + _C, True),
    "a zone before the one that is named first": ("u.conf", _A + _B, _C + _A + _B, False),
    "the zone that is named first goes": ("u.conf", _A + _B, _B, False),
    "an option before it": ("u.conf", "server:\n" + _A, "server:\n# more\n" + _A, False),
    "a line before the first that is right": (
        "u.conf", f'local-zone: "{64 * "a"}" static\n{_A}# c\n# d\n# e\n# f\n',
        f'local-zone: "{64 * "a"}" static\n{_A}{_B}# d\n# e\n# f\n', True,
    ),
    "what stands below an option": ("u.conf", "server:\n" + _A, "server:\n" + _A + _B, True),
    "an option that is not looked at": (
        "u.conf", "verbosity: 1\n" + _A, "verbosity: 1\n" + _A + _B, False,
    ),
    "a zone of another type": ("u.conf", _A + _B, _A + _B.replace("static", "refuse"), False),
    "a transparent zone": (
        "u.conf", _A + _B, _A + _B + 'local-zone: "b.a.example" transparent\n', False,
    ),
    "data": ("u.conf", _A + _B, _A + _B + 'local-data: "d.example A 0.0.0.0"\n', False),
    "options of dnsmasq": (
        "d.conf", "local=/a.example/\n", "local=/a.example/\naddress=/b.example/#\n", True,
    ),
    "several names on a line": (
        "d.conf", "local=/a.example/b.example/\n", "local=/a.example/c.example/\n", True,
    ),
    "an address": (
        "d.conf", "local=/a.example/\n", "local=/a.example/\naddress=/b.example/198.18.0.9\n",
        False,
    ),
    "another server": (
        "d.conf", "local=/a.example/\n", "local=/a.example/\nserver=/b.a.example/#\n", False,
    ),
    "a serial": ("p.rpz", _ONE + _RA, _TWO + _RA, True),
    "a serial and a name": ("p.rpz", _ONE + _RA, _TWO + _RA + "b.example CNAME .\n", True),
    "both halves of a subtree come": ("p.rpz", _ONE + _RA, _TWO + _RB + _RA, True),
    "both halves of a subtree go": ("p.rpz", _ONE + _RA + _RB, _TWO + _RB, True),
    "one half of a subtree goes": ("p.rpz", _ONE + _RA + _RB, _TWO + _RA[:18] + _RB, False),
    "the other half comes": ("p.rpz", _ONE + _RA[:18] + _RB, _TWO + _RA + _RB, False),
    "what is below comes first": (
        "p.rpz", _ONE + _RA, _TWO + _RA + "*.b.example CNAME .\nb.example CNAME .\n", True,
    ),
    "the last name of a transfer": ("p.rpz", _ONE + "@ SOA a. b. 1 2 3 4 5\n", _TWO + _RA, True),
    "a public suffix in two halves": (
        "p.rpz", _ONE + _RA, _ONE + _RA + "com CNAME .\n*.com CNAME .\n", False,
    ),
    "a public suffix in two halves goes": (
        "p.rpz", _ONE + _RA + "com CNAME .\n*.com CNAME .\n", _ONE + _RA, False,
    ),
    "a repetition": ("p.rpz", _ONE + _RA, _ONE + _RA + "a.example CNAME .\n", False),
    "another TTL, which no name has": ("p.rpz", _ONE, _ONE.replace("60", "61") + _RA, False),
    "another server of the zone": ("p.rpz", _ONE, _ONE.replace("NS a.", "NS b.") + _RA, False),
    "an origin at the top": ("p.rpz", _ONE, "$ORIGIN x.\n" + _ONE, False),
    "an origin among names": ("p.rpz", _ONE, _ONE + "$ORIGIN x\n" + _RA, False),
    "what refuses the whole zone": ("p.rpz", _ONE, _ONE + "$INCLUDE x\n", False),
    "an address, which may have company": ("p.rpz", _ONE, _ONE + "b.example A 198.18.0.9\n", False),
    "a name that is cut in two": ("p.rpz", _ONE + _RA, _ONE + "b.example CNAME (\n.)\n", False),
    "many lines below a long top": (
        "p.rpz", _LONG + _RA,
        _LONG + _RA + "".join(f"n{n}.example CNAME .\n" for n in range(60)), False,
    ),
    "few lines below a long top": ("p.rpz", _LONG + _RA, _LONG + _RA + _RB, True),
    "rows": ("t.csv", _ROWS + "a.example,1\n", _ROWS + "b.example,2\nc.example,3\n", True),
    "rows with quotes": ("t.csv", _ROWS + "a.example,1\n", _ROWS + '"b.example","2,3"\n', True),
    "a row of two lines": ("t.csv", _ROWS + "a.example,1\n", _ROWS + 'b.example,"2\n3"\n', False),
    "another header": ("t.csv", _ROWS, _ROWS.replace("note", "more") + "a.example,1\n", False),
}  # fmt: skip


@pytest.mark.parametrize("what", _CHANGES)
def test_lines_of_other_formats_are_read_alone_where_they_can_be(tmp_path, monkeypatch, what):
    name, before, after, is_patched = _CHANGES[what]
    watched = Watched(tmp_path, monkeypatch, name)
    watched.becomes(before)
    assert watched.becomes(after) is is_patched
    watched.becomes(before)


@pytest.mark.parametrize("first", ["0.0.0.0", "127.0.0.1", "127.0.0.2"])
def test_a_host_of_both_families_stays_while_one_of_its_lines_does(tmp_path, monkeypatch, first):
    watched = Watched(tmp_path, monkeypatch, "list.hosts")
    lines = ["0.0.0.0 b.example\n", f"{first} d.example\n", ":: d.example\n"]
    watched.becomes("".join(lines))
    watched.becomes(lines[0] + lines[2])
    assert watched.stores[0].history()[0].names == 2


def test_an_exception_repeats_no_block(tmp_path, monkeypatch):
    watched = Watched(tmp_path, monkeypatch, "list.adblock")
    blocks = "||a.example^\n||b.example^\n||198.18.1.1^\n"
    watched.becomes(blocks)
    assert not watched.becomes(f"{blocks}@@||a.example^\n@@||198.18.1.1^\n")


def test_where_an_issue_was_not_kept_every_line_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("blockd.watchlist.model.MOST_ISSUES", 3)
    watched = Watched(tmp_path, monkeypatch, "list.hosts")
    many = [f"0.0.0.0 n{number}.example\n" for number in range(4)]
    watched.becomes("".join([*many, "0.0.0.0 com a..b\n", *many]))
    watched.becomes("".join([*many[:3], "0.0.0.0 com a..b\n", *many]))
    assert watched.stores[0].history()[0].names == 4


def test_a_feed_that_is_over_its_budget_now_is_refused_as_ever(tmp_path, monkeypatch):
    watched = Watched(tmp_path, monkeypatch, "list.txt")
    strict = msgspec.structs.replace(GUARD, budget=Share(number=1))
    watched.config = msgspec.structs.replace(watched.config, guard=strict)
    watched.becomes(A + B)
    assert watched.becomes(A + "com\n" + B)
    assert not watched.becomes(A + "com\nnet\n" + B)
    assert watched.stores[0].current() == 2


def test_without_its_kept_copy_a_source_is_read_whole(tmp_path, monkeypatch):
    watched = Watched(tmp_path, monkeypatch, "list.txt")
    watched.becomes(A + B)
    for store in watched.stores:
        source = store.source_path(store.history()[0].sources[0].sha256)
        source.write_bytes(b"damaged")
    assert not watched.becomes(A + C)
