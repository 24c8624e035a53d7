"""What one generation changed: the same as its commit said."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from blockd.config import Config, GuardSection, ListSection, Share
from blockd.policy import publish
from blockd.policy.store import Store
from blockd.web import steps

NOW = datetime(2026, 11, 24, tzinfo=UTC)
ANY = GuardSection(max_added=Share.parse("100%"), max_removed=Share.parse("100%"))

NAMES = st.sampled_from(
    [sign + name for sign in ("", "=", "*.") for name in ("a.example", "b.example", "x.a.example")]
)
PREFIXES = st.sampled_from(["198.18.1.0/24", "198.18.2.0/28", "2001:db8:1::/48"])
ENTRIES = st.tuples(st.sets(NAMES, min_size=1, max_size=3), st.sets(PREFIXES, max_size=1))
LISTS = st.fixed_dictionaries({"p1": ENTRIES, "p2": ENTRIES})


def text(platforms):
    tables = [
        f'[[platform]]\nid = "{name}"\ndomains = {sorted(domains)}\n'
        + (f"prefixes = {sorted(prefixes)}\n" if prefixes else "")
        for name, (domains, prefixes) in platforms.items()
    ]
    return "".join(tables)


@settings(max_examples=12, deadline=None)
@given(LISTS, LISTS)
def test_two_generations_differ_as_the_commit_said(before, after):
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "rules.toml"
        store = Store(Path(place) / "state")
        config = Config(list=ListSection(paths=(str(path),)), guard=ANY)
        for platforms in (before, after):
            path.write_text(text(platforms))
            said = publish.publish(store, config, NOW).difference
        old = store.open_generation(1)
        new = store.open_generation(2) if store.current() == 2 else old
        found = steps.between(old, new)
        old.close()
        if new is not old:
            new.close()
            for kind, entries in zip(found, said.plain().values(), strict=True):
                assert sorted(kind.entries) == sorted(entries)
                assert kind.total == len(entries)
        else:
            assert [kind.total for kind in found] == [0, 0, 0]
