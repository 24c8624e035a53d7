"""Lines taken at once: what is kept and counted is what reading them singly gives, or nothing."""

from hypothesis import given
from hypothesis import strategies as st

from blockd import names
from blockd.prefixes import Prefix
from blockd.watchlist.formats.feed import Feed
from blockd.watchlist.formats.found import Found
from blockd.watchlist.formats.ordinary import COMMENTED, ordinary
from blockd.watchlist.model import Scope

LABEL = "a" * 63
TEXTS = st.sampled_from([
    "a.example", "b.example", "A.example", "xn--fsq092h.example", f"{LABEL}.example",
    f"{LABEL}b.example", ".".join([LABEL] * 4), "a.example.1", "example", "-a.example",
    "a.example # why", "", "#", "a b",
    *(f"a{number}.example" for number in range(20)),
])  # fmt: skip


@given(st.lists(st.tuples(TEXTS, st.sampled_from(["", " ", "\r"])), max_size=40))
def test_reading_at_once_and_singly_give_the_same(lines):
    text = "".join(f"{line}{end}\n" for line, end in lines)

    def parsed(shapes):
        reading = Feed("x.txt", "x")
        reading.shapes = shapes

        def meaning(line):
            try:
                return Found([(names.parse(line.partition(" ")[0]), Scope.SUBTREE, reading.rule)])
            except names.NameFormError as error:
                return Found(problems=[str(error)])

        return reading.read(text, meaning)

    assert parsed([ordinary("", COMMENTED)]) == parsed([])


NAME = st.integers(0, 12).map(lambda number: f"n{number}.example")
PREFIX = st.integers(0, 12).map(lambda number: Prefix(4, (198 << 24) + number, 32))


def singly(lines, reading):
    """Take lines of names and prefixes one by one."""
    for listed, covered in lines:
        wires = [(names.parse(text), Scope.SUBTREE, reading.rule) for text in listed]
        reading.line += 1
        reading.take(Found(wires, [(prefix, reading.rule) for prefix in covered]))
    return reading.parsed


@given(
    st.lists(st.tuples(NAME, PREFIX), min_size=1, max_size=8),
    st.lists(st.tuples(st.lists(NAME, max_size=2), st.lists(PREFIX, max_size=2)), max_size=3),
)
def test_pairs_are_all_taken_or_none(pairs, before):
    reading, expected = Feed("x", "x"), Feed("x", "x")
    singly(before, reading)
    found = [each[0] for each in pairs], [each[1] for each in pairs]
    was = len(reading.parsed.names), len(reading.parsed.prefixes), reading.line
    if reading.keep_pairs(*found, [reading.rule] * len(pairs)):
        one_each = [([name], [prefix]) for name, prefix in pairs]
        assert reading.parsed == singly([*before, *one_each], expected)
        assert reading.line == expected.line
    else:
        assert was == (len(reading.parsed.names), len(reading.parsed.prefixes), reading.line)


@given(
    st.lists(st.lists(PREFIX, min_size=1, max_size=3), min_size=1, max_size=8),
    st.lists(st.tuples(st.just([]), st.lists(PREFIX, max_size=2)), max_size=3),
)
def test_prefixes_of_a_line_each_or_of_several_are_taken_as_singly(lines, before):
    reading, expected = Feed("x", "x"), Feed("x", "x")
    singly(before, reading)
    places = [place for place, line in enumerate(lines) for _ in line]
    flat = [prefix for line in lines for prefix in line]
    was = len(reading.parsed.prefixes), reading.line
    if reading.keep_many(flat, reading.rule, places, len(lines)):
        assert reading.parsed == singly([*before, *(([], line) for line in lines)], expected)
    else:
        assert was == (len(reading.parsed.prefixes), reading.line)
