"""The package's texts have the forms that Debian's programs read."""

import pytest
from deb import texts
from deb.texts import Library

FACTS = texts.Facts(
    "0.1.0-1", "amd64", "N <n@host.example>", ["python3", "procps"], "what it is", 51_000
)


def test_the_control_file_has_one_field_a_line():
    fields = dict(
        line.split(": ", 1) for line in texts.control(FACTS).splitlines() if line[0] != " "
    )
    assert fields["Depends"] == "python3, procps"
    assert fields["Installed-Size"] == "51000"
    assert fields["Description"] == "what it is"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Routes on Linux gateways: a resolver", "routes on Linux gateways"),
        ("Routes", "routes"),
        ("", ""),
    ],
)
def test_the_synopsis_is_the_beginning_of_the_summary_and_no_sentence(said, shown):
    assert texts.summary(said) == shown


def test_one_python_alone_is_accepted():
    assert texts.python_bounds(3, 11) == ["python3 (>= 3.11)", "python3 (<< 3.12)"]


def test_the_changelog_has_the_date_of_the_source():
    said = texts.changelog("0.1.0-1", "N <n@host.example>", 1_700_000_000)
    assert said.startswith("blockd (0.1.0-1) ")
    assert " -- N <n@host.example>  Tue, 14 Nov 2023 22:13:20 +0000\n" in said


@pytest.mark.parametrize(
    ("licence", "shown"),
    [
        ("Do what you like.", "    Do what you like."),
        (
            "Apache License\nVersion 2.0, January 2004\n" + "x" * 6000,
            "    The text is in /usr/share/common-licenses/Apache-2.0.",
        ),
        ("Licensed under the Apache License\nVersion 2.0, January 2004", "    Licensed under"),
    ],
)
def test_every_library_has_its_licence_there(licence, shown):
    said = texts.copyright_file("Ours.", [Library("one", "1.0", "Some-1", (licence,))])
    assert "    Ours.\n" in said
    assert "one 1.0, Some-1:\n" in said
    assert shown in said


def test_sums_are_sorted_by_path():
    assert texts.md5sums({"b": "2", "a": "1"}) == "1  a\n2  b\n"
