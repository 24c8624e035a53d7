"""The texts that stand for values in the configuration."""

import tomllib

import pytest

from blockd.endpoints import Endpoint, Upstream
from blockd.prefixes import Prefix
from blockd.terms import Action
from blockd.values import Duration, Network, NeverItem, Share, Size, Target, TextValue, toml

GOOD = [
    (Duration, "0s", "0d"),
    (Duration, "90s", "90s"),
    (Duration, "60 s", "1m"),
    (Duration, " 36h ", "36h"),
    (Duration, "24h", "1d"),
    (Duration, "1440m", "1d"),
    (Duration, "3d", "3d"),
    (Network, "10.0.0.0/8", "10.0.0.0/8"),
    (Network, "198.18.0.1", "198.18.0.1/32"),
    (Network, "2001:DB8::/32", "2001:db8::/32"),
    (Network, "0.0.0.0/0", "0.0.0.0/0"),
    (Share, 0, "0"),
    (Share, 12, "12"),
    (Share, "1%", "1%"),
    (Share, " 0.5 % ", "0.5%"),
    (Share, "0%", "0%"),
    (Size, "64MB", "64MB"),
    (Size, "1024 KB", "1MB"),
    (Size, "1GB", "1GB"),
    (Size, "1500", "1500B"),
    (Size, "7B", "7B"),
]


@pytest.mark.parametrize(("kind", "value", "shown"), GOOD)
def test_good_values_are_shown_in_one_form(kind, value, shown):
    parsed = kind.parse(value)
    assert str(parsed) == shown
    assert kind.parse(int(shown) if isinstance(value, int) else shown) == parsed
    assert hash(parsed) == hash(kind.parse(value))
    assert repr(parsed) == f"{kind.__name__}({shown!r})"


BAD = [
    (Duration, ["", "s", "1", "1w", "1.5h", "-1s", "1h30m", "1 D", "\u0661s", 60, 0, True, None]),
    (Network, ["", "10.0.0.0/33", "10.0.0.1/8", "2001:db8::/129", "a.example", 10, None]),
    (Share, ["", "%", "1", "-1%", "1%%", "a%", -1, True, 0.5, None, ["1%"]]),
    (Size, ["", "MB", "-1MB", "1.5MB", "1TB", "1 mb", "\u0661MB", 64, None]),
]


@pytest.mark.parametrize(
    ("kind", "value"), [(kind, value) for kind, values in BAD for value in values]
)
def test_bad_values_are_told_in_a_sentence(kind, value):
    with pytest.raises(ValueError, match=r"not|neither|host bits"):
        kind.parse(value)


def test_values_of_two_kinds_are_never_equal():
    assert Network.parse("198.18.0.1") != Target.parse("198.18.0.1")
    assert Network.parse("198.18.0.1") != "198.18.0.1/32"
    assert len({Network.parse("198.18.0.1"), Network.parse("198.18.0.1/32")}) == 1


def test_what_values_hold():
    assert Network.parse("10.0.0.0/8").prefix == Prefix(4, 10 << 24, 8)
    assert [Size.parse(text).octets for text in ("2KB", "3", "1GB")] == [2048, 3, 1 << 30]
    assert [Share.parse(value).of(250) for value in ("1%", "0.5%", 7, "100%")] == [2, 1, 7, 250]
    times = [Duration.parse(text).seconds for text in ("0s", "30s", "10m", "12h", "1d")]
    assert times == [0, 30, 600, 43_200, 86_400]
    with pytest.raises(NotImplementedError):  # the base has no form of its own
        TextValue.parse("x")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Bank.Example.", "bank.example"),
        ("=bank.example", "=bank.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("198.18.0.1", "198.18.0.1/32"),
        ("2001:DB8::/32", "2001:db8::/32"),
    ],
)
def test_a_target_is_a_name_or_a_prefix(text, shown):
    target = Target.parse(text)
    assert str(target) == shown
    assert Target.parse(str(target)) == target
    assert (target.name is None) is (target.prefix is not None)


@pytest.mark.parametrize("text", ["", "a..b", "198.18.0.1/16", 7])
def test_what_is_neither_a_name_nor_a_prefix_is_no_target(text):
    with pytest.raises(ValueError, match=r"neither a name|host bits|a text was expected"):
        Target.parse(text)


@pytest.mark.parametrize("path", ["/etc/blockd/cdn.txt", "./cdn.txt", "../cdn.txt"])
def test_a_path_among_the_untouchable_is_told_from_a_prefix(path):
    assert (NeverItem.parse(path).path, NeverItem.parse("198.18.0.0/16").path) == (path, "")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (5354, "5354"),
        (Share(number=7), "7"),
        (Share(percent=1.5), '"1.5%"'),
        (Action.TCP_ONLY, '"tcp-only"'),
        ('a "b" \\ \n', '"a \\"b\\" \\\\ \\n"'),
        ({}, "{}"),
        ({"corp.example": (Upstream(Endpoint("10.0.0.53")),)},
         '{ "corp.example" = ["10.0.0.53:53"] }'),
    ],
)  # fmt: skip
def test_a_value_is_written_as_toml_reads_it(value, text):
    assert toml(value) == text
    assert tomllib.loads(f"key = {text}")


def test_what_toml_has_no_form_for_is_refused():
    with pytest.raises(TypeError, match="NoneType"):
        toml(None)
