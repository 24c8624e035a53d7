"""Names that look like others: refused where they are written as they look, in every format."""

import pytest

from blockd import names
from blockd.errors import NameFormError
from blockd.watchlist import formats, lookalikes

MIXED = "p\u0430ypal.example"  # the second letter is Cyrillic
REFUSED = {
    MIXED: "mixes letters that look alike, Latin 'p' (U+0070) with Cyrillic '\u0430' (U+0430); if"
    " it is meant so, write xn--pypal-4ve",
    "www.\u0440o.example": "mixes letters that look alike, Cyrillic '\u0440' (U+0440) with Latin",
    "\u03bc\u0430.example": "mixes letters that look alike, Greek",
    "\u0430\u0440\u0440\u04cf\u0435.example": "is all Cyrillic and looks like 'apple'; if it is"
    " meant so, write xn--80ak6aa92e",
    "\u03bf\u03bd\u03bf.example": "is all Greek and looks like 'ovo'",
    "\u0261oo\u0261le.example": "is all Latin and looks like 'google'",
    "\u0578\u057d\u0585.example": "is all Armenian and looks like 'nuo'",
    "a\u200bb.example": "has the invisible U+200B as its character 2",
    "ab\u00ad.example": "has the invisible U+00AD as its character 3",
    "a\u2060.example": "has the invisible U+2060",
    "P\u0410YPAL.EXAMPLE": "mixes letters that look alike",
    "\uff50\u0430ypal\uff0eexample": "mixes letters that look alike",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_what_it_looks_like_is_refused(text):
    with pytest.raises(NameFormError) as told:
        lookalikes.check(text)
    assert REFUSED[text] in str(told.value)


@pytest.mark.parametrize(
    "text",
    [
        "b\u00fccher.example", "k\u0131rm\u0131z\u0131.example",
        "\u043f\u0440\u0438\u043c\u0435\u0440.example",
        "\u0440\u043e\u0441\u0430.\u0440\u0444", "\u6f2b\u753bclub.example",
        "\u30c6\u30ec\u30d3\u30fc.example", "\ud55c\uad6dtv.example", "stra\u00dfe.example",
        "\u03b5\u03bb\u03bb\u03ac\u03b4\u03b1.example",
        "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc",
        "\uff45xample\u3002example", "xn--pypal-4ve.example", "plain.example",
    ],
)  # fmt: skip
def test_names_of_one_alphabet_are_what_they_look_like(text):
    lookalikes.check(text)
    names.parse(text)


WRITTEN = {
    "native": "[[platform]]\nid = 'a'\ndomains = ['{name}']\n",
    "domains": "a.example\n{name}\n",
    "hosts": "0.0.0.0 a.example\n0.0.0.0 {name}\n",
    "adblock": "||a.example^\n||{name}^\n",
    "dnsmasq": "local=/a.example/\nlocal=/{name}/\n",
    "unbound": 'local-zone: "a.example" static\nlocal-zone: "{name}" static\n',
    "rpz": "a.example CNAME .\n{name} CNAME .\n",
    "csv": "domain,reference\n{name},1\n",
}


@pytest.mark.parametrize("form", WRITTEN)
def test_every_format_refuses_it_at_its_line_and_takes_its_alabel(form):
    text = WRITTEN[form]
    found = formats.parse(text.format(name=MIXED).encode(), "x", form)
    (issue,) = found.issues
    assert "write xn--pypal-4ve" in issue.message
    assert issue.origin.line == 1 + text[: text.index("{name}")].count("\n")
    assert all(b"pypal" not in entry.name for entry in found.names)
    taken = formats.parse(text.format(name="xn--pypal-4ve.example").encode(), "x", form)
    assert not taken.issues
    assert any(b"xn--pypal-4ve" in entry.name for entry in taken.names)
