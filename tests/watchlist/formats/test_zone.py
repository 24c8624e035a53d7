"""Zone files' syntax: lines to records, and owners to names within the zone."""

import itertools

import dns.exception
import dns.zone
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import records
from blockd.errors import NameFormError, RecordFormError
from blockd.watchlist.formats import zone
from blockd.watchlist.formats.zone import Directive, Owners, Record

LINES = [
    ("a CNAME .", Record("a", None, "CNAME", (".",))),
    ("a\tIN\tcname\t.", Record("a", None, "CNAME", (".",))),
    ("a 30 IN CNAME . ; why", Record("a", 30, "CNAME", (".",))),
    ("a IN 1h30m CNAME .", Record("a", 5400, "CNAME", (".",))),
    ("a 1W CNAME .", Record("a", 604_800, "CNAME", (".",))),
    (" NS ns", Record(None, None, "NS", ("ns",))),
    ("\t60 TXT x", Record(None, 60, "TXT", ("x",))),
    ("in IN IN", Record("in", None, "IN", ())),
    ("30 30 A 198.18.0.1", Record("30", 30, "A", ("198.18.0.1",))),
    ('a TXT "b ; ( c" d\\;e "\\""', Record("a", None, "TXT", ('"b ; ( c"', "d\\;e", '"\\""'))),
    ("$TTL 30 ; x", Directive("$TTL", ("30",))),
    ("$origin a.", Directive("$ORIGIN", ("a.",))),
    ("", None),
    ("   \t", None),
    ("; a CNAME .", None),
    ("  ; a", None),
]


def reader(text):
    lines = iter(text.split("\n"))
    return next(lines), lambda: next(lines, None)


@pytest.mark.parametrize(("line", "wanted"), LINES)
def test_a_line_is_read(line, wanted):
    assert zone.read(*reader(line)) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "a SOA b. c. ( 1 2\n3 ; x\n\n 4 5 )",
        "a SOA b. c. (1 2 3(\n)4 5)",
        "a ( SOA\nb. c. 1\n2 3 4 5)",
    ],
)
def test_parentheses_join_lines(text):
    read = zone.read(*reader(text))
    assert read == Record("a", None, "SOA", ("b.", "c.", "1", "2", "3", "4", "5"))


BAD = [
    ("a", "holds no record"),
    ("a 30 IN", "holds no record"),
    ("a CH TXT b", "class CH"),
    ('a TXT "b', "has no counterpart"),
    ("a TXT b\\", "has no counterpart"),
    ("a CNAME . )", "closed that was not opened"),
    ("a SOA ( b\nc\n", "is opened and not closed"),
    ("a SOA (" + "\n1" * 300 + ")", "is opened and not closed"),
    ("a 4294967295 CNAME .", "more than a TTL"),
]


@pytest.mark.parametrize(("text", "part"), BAD)
def test_what_is_no_record_is_said(text, part):
    with pytest.raises(RecordFormError, match=part):
        zone.read(*reader(text))


WORD = st.sampled_from(
    ["a", "$A", "(", ")", ";", '"', "\\", " ", "\t", "\n", "30", "IN", "TXT", "é"]
)


@given(st.lists(WORD, max_size=12).map("".join) | st.text(max_size=20))
def test_any_text_is_a_record_or_an_error(text):
    try:
        found = zone.read(*reader(text))
    except RecordFormError:
        return
    assert found is None or isinstance(found, Record | Directive)


PARTS = st.sampled_from(
    ["a", ' "b c" ', "d\\;e", "(", ")", " ", "\n", ";x\n", ' "\\"" ', "f\\032g", ' " " ', "0"]
)


@given(st.lists(PARTS, min_size=1, max_size=8).map("".join))
def test_words_are_those_that_dnspython_reads(text):
    text = f"z. 1 IN TXT x {text}"
    try:
        theirs = dns.zone.from_text(text + "\n", "z.", check_origin=False, relativize=False)
    except dns.exception.DNSException:
        return  # what follows is another line, or dnspython wants blanks around quotes
    (found,) = theirs.get_rdataset("z.", "TXT")
    words = zone.read(*reader(text)).words
    assert [records._plain(word) for word in words] == list(found.strings)


ORIGINS = [  # directives and SOA owners in turn, an owner, its name within the zone
    ([], "a.example", "a.example"),
    ([], "a.example.", "a.example"),
    (["@ SOA"], "a.example", "a.example"),
    (["@ SOA"], "a.example.", "a.example"),
    (["rpz.test. SOA"], "a.example.rpz.test.", "a.example"),
    (["rpz.test. SOA"], "a.example.RPZ.test.", "a.example"),
    (["rpz.test. SOA"], "a.example", "a.example"),
    (["rpz.test. SOA"], "rpz.test.", ""),
    (["$ORIGIN rpz.test.", "@ SOA"], "a.example", "a.example"),
    (["$ORIGIN rpz.test.", "@ SOA"], "@", ""),
    (["$ORIGIN rpz.test.", "@ SOA", "$ORIGIN com.rpz.test."], "a", "a.com"),
    (["$ORIGIN rpz.test.", "@ SOA", "$ORIGIN com"], "a", "a.com"),
    (["$ORIGIN rpz.test.", "@ SOA", "$ORIGIN com"], "@", "com"),
    (["$ORIGIN .", "rpz.test SOA"], "a.example.rpz.test", "a.example"),
    (["$ORIGIN .", "rpz.test SOA", "$ORIGIN rpz.test."], "a.example", "a.example"),
    (["$ORIGIN com"], "a", "a.com"),
    (["$ORIGIN rpz.test."], "a.example", "a.example"),
]


def owners(steps):
    made = Owners()
    for step in steps:
        first, second = step.split()
        if first == "$ORIGIN":
            made.set_origin(second)
        else:
            assert made.set_zone(first)
    return made


@pytest.mark.parametrize(("steps", "owner", "within"), ORIGINS)
def test_an_owner_within_its_zone(steps, owner, within):
    made = owners(steps)
    assert made.within(owner) == within
    if owner[-1] != "." and made.suffix is not None and owner != "@":
        assert within == owner + (f".{made.suffix}" if made.suffix else "")


@pytest.mark.parametrize(
    ("steps", "owner"),
    [
        (["rpz.test. SOA"], "a.example."),
        (["rpz.test. SOA"], "arpz.test."),
        (["$ORIGIN rpz.test."], "a.example."),
        (["$ORIGIN .", "rpz.test SOA"], "a.example"),
    ],
)
def test_an_owner_outside_of_the_zone_is_no_name_in_it(steps, owner):
    with pytest.raises(NameFormError, match="outside of the zone rpz"):
        owners(steps).within(owner)


def test_an_origin_behind_a_nameless_zone_cannot_be_understood():
    with pytest.raises(NameFormError, match="in front of the SOA"):
        owners(["@ SOA", "$ORIGIN com.rpz.test."])


LABELS = st.lists(st.sampled_from(["a", "bc", "com", "rpz-ip"]), min_size=1, max_size=3).map(
    ".".join
)


@given(st.lists(LABELS | st.just("@"), max_size=3), LABELS)
def test_where_a_name_stands_does_not_depend_on_how_it_is_written(origins, name):
    relative, full = owners(["$ORIGIN rpz.test.", "@ SOA"]), "rpz.test."
    for origin in origins:
        relative.set_origin(origin)
        full = full if origin == "@" else f"{origin}.{full}"
    absolute = owners(["rpz.test. SOA"])
    assert relative.within(name) == absolute.within(f"{name}.{full}")


def test_every_way_to_write_ttl_and_class_gives_the_same():
    for order in itertools.permutations(["60", "IN"]):
        assert zone.read(*reader(f"a {' '.join(order)} A 198.18.0.1")).ttl == 60
