"""A newer wheel is a newer package: dpkg's own comparison says so."""

import subprocess

import pytest
from deb import versions
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

RELEASES = st.tuples(*(st.integers(0, 11),) * 3).map(lambda each: ".".join(map(str, each)))
SUFFIXES = st.sampled_from([
    "", ".dev0", ".dev2", "a1", "a1.dev1", "b2", "rc1", "rc10", ".post1", ".post1.dev3",
])  # fmt: skip


@pytest.mark.parametrize(
    ("version", "package"),
    [
        ("0.1.0", "0.1.0-1"),
        ("0.2.0rc1", "0.2.0~rc1-1"),
        ("0.2.0.dev3", "0.2.0~~dev3-1"),
        ("0.2.0.post1", "0.2.0+post1-1"),
        ("1!0.2", "1:0.2-1"),
        ("0!0.2", "0.2-1"),
    ],
)
def test_a_version_is_told_in_debians_words(version, package):
    assert versions.debian(version, "1") == package


@pytest.mark.parametrize(
    ("version", "revision"), [("0.1.0+local", "1"), ("v1", "1"), ("", "1"), ("1.0", "1-2")]
)
def test_what_is_no_public_version_is_refused(version, revision):
    with pytest.raises(ValueError, match="no public version|other characters"):
        versions.debian(version, revision)


@settings(max_examples=60)
@given(st.lists(st.tuples(RELEASES, SUFFIXES).map("".join), min_size=2, max_size=2))
def test_the_order_is_the_same(pair):
    older, newer = sorted(pair, key=Version)
    relation = "eq" if Version(older) == Version(newer) else "lt"
    said = [versions.debian(each, "1") for each in (older, newer)]
    compared = ["dpkg", "--compare-versions", said[0], relation, said[1]]
    assert subprocess.run(compared, check=False).returncode == 0, said
