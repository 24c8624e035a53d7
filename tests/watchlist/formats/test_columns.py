"""Headers of tables: which columns list something, and what the others say."""

from datetime import date

import pytest

from blockd.terms import Action, Basis
from blockd.watchlist.formats import columns

HEADERS = [
    ("domain,reference\na.example,1\n", (1, ",", ("name", "reference"))),
    ("Domain;Date Added\na.example;2026-01-01\n", (1, ";", ("name", "listed"))),
    ("id\tIP Address\tExpires\np1\t198.18.0.1\t\n", (1, "\t", ("id", "prefix", "expires"))),
    ("indicator|comment\na|b\n", (1, "|", ("either", ""))),
    ("name,cidr\nx,198.18.0.0/24\n", (1, ",", ("name", "prefix"))),
    ("name,domain\nx,a.example\n", (1, ",", ("title", "name"))),
    ('\ufeff"host","ref"\r\n"a.example","x"\r\n', (1, ",", ("name", "reference"))),
    (
        "# made today\n# first_seen,dst_ip\n\n2026-01-01,198.18.0.1\n",
        (2, ",", ("listed", "prefix")),
    ),
    ("\n# c\ndomain\na.example\n", (3, ",", ("name",))),
    ("domain,ip\n", (1, ",", ("name", "prefix"))),
]


@pytest.mark.parametrize(("text", "wanted"), HEADERS)
def test_a_header_names_columns_that_list_something(text, wanted):
    found = columns.header(text)
    assert found == (*wanted, text.startswith("# made"))


NONE = [
    "",
    "a.example\nb.example\n",
    "first,second\n1,2\n",
    "# domain, ip\na.example\n",
    "reference,listed\n1,2026-01-01\n",
    "# all about the domain\n# of: hosts\na.example\n",
]


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_table_has_no_header(text):
    assert columns.header(text) is None


GIVEN = [
    ([("reference", " Notice  7\n")], {"reference": "Notice 7"}),
    ([("listed", "2026-01-02"), ("expires", "2026-01-02")], {
        "listed": date(2026, 1, 2), "expires": date(2026, 1, 2),
    }),
    ([("listed", "2026-01-02 03:04:05")], {"listed": date(2026, 1, 2)}),
    ([("listed", "2026-01-02T03:04:05Z")], {"listed": date(2026, 1, 2)}),
    ([("action", "NXDOMAIN")], {"action": Action.NXDOMAIN}),
    ([("action", "block")], {}),
    ([("action", "allow")], {"allow": True}),
    ([("basis", "order")], {"basis": Basis.ORDER}),
    ([("id", "p-1"), ("title", "Example"), ("reason", "")], {"id": "p-1", "name": "Example"}),
]  # fmt: skip


@pytest.mark.parametrize(("given", "wanted"), GIVEN)
def test_attributes_are_those_of_a_native_list(given, wanted):
    assert columns.attributes(given) == wanted


WRONG = [
    ([("listed", "02.01.2026")], "is no day; write YYYY-MM-DD"),
    ([("listed", "2026-02-30")], "is no day"),
    ([("listed", "2026-02-02"), ("expires", "2026-01-01")], "lies before `listed`"),
    ([("action", "address")], "is none of allow, drop"),
    ([("basis", "whim")], "is none of order, policy, request"),
    ([("id", "a b")], "is no identifier"),
    ([("reason", "a\x07b")], "holds a control character"),
]


@pytest.mark.parametrize(("given", "said"), WRONG)
def test_what_is_wrong_with_an_attribute_is_told(given, said):
    with pytest.raises(ValueError, match=said):
        columns.attributes(given)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("domain,ip\n\n# c\na.example,198.18.0.1\n", True),
        ("domain,ip\n", True),
        ("domain,ip\na.example\n", False),
        ("domain\na.example\n", False),
        ("a.example\n", False),
        ("domain,ip\n\ra,b\n", False),
    ],
)
def test_a_text_is_taken_for_a_table_if_its_first_row_fits_too(text, wanted):
    assert columns.is_table(text) is wanted
