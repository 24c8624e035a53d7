"""The example configuration: every key is there, and as it stands it changes nothing."""

import re

import msgspec
import pytest

from blockd import config as configuration
from blockd.config import Config, SourceSection
from blockd.config_text import SOURCE
from blockd.errors import ConfigError
from blockd.setup.example import example, is_placeholder, upstreams_of, with_upstreams
from tests import topology

TEXT = example()
OWN, _, TABLES = TEXT.partition(f"#[[{SOURCE}]]\n")


def uncommented(text):
    return re.sub(r"(?m)^#(?=\w+ = )", "", text)


def test_as_it_stands_it_is_the_built_in_configuration():
    assert configuration.parse(TEXT, "x") == Config()


def test_with_every_key_uncommented_it_is_the_built_in_configuration_too():
    text = uncommented(OWN)
    assert text != OWN
    assert configuration.parse(text, "x") == Config()


def test_every_key_of_every_section_stands_in_it_once():
    for section in msgspec.structs.fields(Config):
        block = OWN.partition(f"\n[{section.name}]\n")[2].partition("\n[")[0]
        keys = {key.name for key in msgspec.structs.fields(section.type)} - {"source"}
        assert set(re.findall(r"(?m)^#(\w+) = ", block)) == keys, section.name


@pytest.mark.parametrize("key", SourceSection.__struct_fields__)
def test_every_key_of_a_source_is_shown_with_a_value_that_is_accepted(key):
    (line,) = re.findall(rf"(?m)^#({key} = .*)$", TABLES)
    place = "" if key in {"path", "url"} else 'path = "/srv/list.txt"\n'
    parsed = configuration.parse(f"[[{SOURCE}]]\n{place}{line}\n", "x")
    assert getattr(parsed.list.source[0], key) not in {None, ""}


def test_explanations_fit_a_terminal():
    said = (line for line in TEXT.splitlines() if re.match("# (?!Such as )", line))
    assert max(map(len, said)) <= 88


TEXTS = {
    "nothing": "",
    "a comment": "# mine\n",
    "a section": "[resolver]\nttl = 5\n",
    "a section among others": "[list]\npaths = []\n[resolver] # a\nttl = 3\n[routes]\ntable = 9\n",
    "other sections alone": "[routes]\nenabled = false",
    "no last line end": "[resolver]",
    "the example": TEXT,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_upstreams_are_added_and_nothing_else_changes(text):
    named = ["198.18.0.53", "2001:db8::53"]
    changed = with_upstreams(text, named, "x")
    before, after = configuration.parse(text, "x"), configuration.parse(changed, "x")
    assert [str(each) for each in after.resolver.upstreams] == [
        "198.18.0.53:53", "[2001:db8::53]:53",
    ]  # fmt: skip
    assert upstreams_of(changed) == named
    resolver = msgspec.structs.replace(after.resolver, upstreams=())
    assert msgspec.structs.replace(after, resolver=resolver) == before
    assert set(text.splitlines()) <= set(changed.splitlines())


@pytest.mark.parametrize("text", ["resolver.ttl = 5\n", "resolver = { ttl = 5 }\n"])
def test_a_form_that_cannot_be_added_to_is_said(text):
    with pytest.raises(ConfigError, match=r'write `upstreams = \["198.18.0.53"\]` into \[resolv'):
        with_upstreams(text, ["198.18.0.53"], "blockd.toml")


def test_the_one_line_of_tmpfiles_is_no_configuration_of_an_operators():
    shipped = (topology.repository() / "systemd/tmpfiles.d/blockd.conf").read_text()
    (argument,) = re.findall(r"blockd\.toml\s.* - (#.*)\\n", shipped)
    assert is_placeholder(f"{argument}\n".encode())
    assert not is_placeholder(TEXT.encode())
    assert not is_placeholder(f"{argument}\n[resolver]\nttl = 5\n".encode())
