"""`[[list.source]]`: what is taken, and which mistakes are told with their place."""

import pytest

from blockd import config as configuration
from blockd.config import Share
from blockd.errors import ConfigError
from blockd.terms import Basis, ListFormat


def test_a_source_says_what_holds_for_it_alone():
    key = "RWQRdCvHSwcM69dQwXmg1hpst+YZFOSPafkJrL7Gwq8s/tnt78qpzpBV"
    config = configuration.parse(
        "[[list.source]]\nurl = 'https://lists.example/a.rpz'\nformat = 'rpz'\naction = 'drop'\n"
        f"enforce = false\nbudget = 5\nkey = ['{key}']\nbasis = 'order'\n"
        "[[list.source]]\npath = '/srv/b.txt'\naction = 'cname garden.example'\n"
        f"key = '{key}'\n",
        "x",
    )
    first, second = config.list.source
    assert (str(first.url), first.format, first.action) == (
        "https://lists.example/a.rpz", ListFormat.RPZ, "drop",
    )  # fmt: skip
    assert (first.enforce, first.budget, first.basis) == (False, Share(number=5), Basis.ORDER)
    assert first.key == second.key
    assert config.list.places == (
        "/etc/blockd/rules.d", "https://lists.example/a.rpz", "/srv/b.txt",
    )  # fmt: skip


MISTAKES = [
    ("[[list.source]]\nfromat = 'rpz'\n", 'did you mean `format`, as in `format = "hosts"`?'),
    ("[[list.source]]\n", "list.source[0]: a source has either a `path` or a `url`"),
    ("[[list.source]]\npath = 'a'\nurl = 'https://a.example/'\n", "either a `path` or a `url`"),
    (
        "[[list.source]]\npath = 'a'\nformat = 'bind'\n",
        'format: "bind" is not one of native, domains, hosts,',
    ),
    (
        "[[list.source]]\npath = 'a'\nbasis = 'law'\n",
        'source[0].basis: "law" is not one of order, policy, request',
    ),
    ("[[list.source]]\npath = 'a'\nbudget = 'x'\n", "source[0].budget: 'x' is neither a number"),
    ("[[list.source]]\npath = 'a'\nkey = 'RW'\n", "source[0].key: 'RW' is not a public key of"),
    ("[[list.source]]\npath = 'a'\naction = 'block'\n", "source[0].action: 'block' is none; write"),
    ("[[list.source]]\npath = 'a'\naction = 'cname'\n", "source[0].action: 'cname' is none; write"),
    ("[[list.source]]\npath = 'a'\naction = 'drop a'\n", "source[0].action: 'drop a' is none"),
    ("[[list.source]]\npath = 'a'\naction = 'cname a..b'\n", "list.source[0].action: "),
    ("[[list.source]]\npath = 'a'\n" * 2, "list.source: a stands in two tables; keep one"),
    ("[[list.source]]\nurl = 'http://a.example/'\n", "list.source[0].url: 'http://a.example/': a"),
    ("[list]\nsource = [5]\n", "list.source[0]: 5 is not a table; for example `[[list.source]]`"),
]


@pytest.mark.parametrize(("text", "said"), MISTAKES)
def test_a_mistake_is_told_with_its_file_and_key(text, said):
    with pytest.raises(ConfigError) as caught:
        configuration.parse(text, "b.toml")
    assert str(caught.value).startswith("b.toml:")
    assert said in str(caught.value)
