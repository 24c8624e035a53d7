"""The public suffixes: every rule of the list means what it means to others."""

from pathlib import Path

import publicsuffixlist

from blockd import names
from blockd.watchlist.model import NameEntry, Rule, Scope


def test_every_rule_of_the_public_suffix_list_is_judged_as_the_library_does(suffixes):
    library = publicsuffixlist.PublicSuffixList()
    rules = Path(publicsuffixlist.PSLFILE).read_text("utf-8").splitlines()
    asked = {name for line in rules if (name := line.strip().lstrip("!*.")) and line[:2] != "//"}
    entries = []
    for name in sorted(asked):
        for text in (name, f"a.{name}", f"b.a.{name}"):
            wire = names.parse(text)
            assert (wire in suffixes) == library.is_public(names.to_text(wire)), text
            entries.append(NameEntry(wire, Scope.SUBTREE, Rule(id="p", source="f"), len(entries)))
    assert suffixes.among(entries) == [entry for entry in entries if entry.name in suffixes]
