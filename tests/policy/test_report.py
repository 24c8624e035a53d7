"""What an auditor is told: a row a platform, counted, with since when it is in force."""

from datetime import UTC, date, datetime, timedelta

import pytest

from blockd.config import Config, ListSection
from blockd.policy import publish, report
from blockd.policy.store import Store

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEAD = "[list]\nname = 'L'\nauthority = 'A'\nreference = 'R'\nbasis = 'order'\n"
ONE = (
    "[[platform]]\nid = 'p1'\ndomains = ['a.example', '=b.example']\nprefixes = ['198.18.1.0/28']\n"
)
TWO = "[[platform]]\nid = 'p2'\ndomains = ['c.example']\nexpires = 2026-06-01\n"
ALLOW = "[[allow]]\nreason = 'why'\nowner = 'desk'\ndomains = ['x.a.example', '*.b.example']\n"
SHADOW = (
    "[[platform]]\nid = 's'\nenforce = false\ndomains = ['d.example', '*.e.example']\n"
    "prefixes = ['198.18.2.0/28', '2001:db8:2::/48']\n"
)


class Gateway:
    def __init__(self, place):
        self.place = place
        self.store = Store(place / "state")
        self.config = Config(list=ListSection(paths=(str(place / "a.toml"),)))

    def commit(self, *texts, days=0):
        (self.place / "a.toml").write_text(HEAD + "".join(texts))
        publish.publish(self.store, self.config, NOW + timedelta(days=days))
        return self.read(report.rows)

    def read(self, what):
        policy = self.store.open()
        try:
            return list(what(policy))
        finally:
            policy.close()


@pytest.fixture
def gateway(tmp_path):
    return Gateway(tmp_path)


def test_each_platform_and_exception_is_a_row_with_its_counts(gateway):
    rows = gateway.commit(ONE, TWO, ALLOW, SHADOW)
    assert [(row.state, row.platform, row.names, row.prefixes) for row in rows] == [
        ("blocked", "p1", 2, 1),
        ("blocked", "p2", 1, 0),
        ("excepted", "allow", 2, 0),
        ("shadow", "s", 2, 2),
    ]
    one, two, allow, _ = rows
    assert (one.list, one.authority, one.basis, one.reference) == ("L", "A", "order", "R")
    assert (allow.reason, allow.owner, two.expires) == ("why", "desk", date(2026, 6, 1))
    assert (one.generation, one.since) == (1, NOW)


def test_a_platform_is_in_force_since_it_came_last(gateway):
    gateway.commit(ONE)
    rows = gateway.commit(ONE.replace("a.example", "other.example"), TWO, days=1)
    assert [(row.platform, row.generation, row.since) for row in rows] == [
        ("p1", 1, NOW),
        ("p2", 2, NOW + timedelta(days=1)),
    ]
    gateway.commit(TWO, days=2)
    rows = gateway.commit(ONE, TWO, days=3)
    assert [(row.platform, row.generation) for row in rows] == [("p1", 4), ("p2", 2)]


def test_every_entry_has_a_line_with_what_it_covers_and_where_it_stands(gateway):
    gateway.commit(ONE, ALLOW, SHADOW)
    source = str(gateway.place / "a.toml")
    found = {
        (line.entry, line.scope, line.state, line.platform) for line in gateway.read(report.lines)
    }
    assert found == {
        ("a.example", "name and below", "blocked", "p1"),
        ("b.example", "name", "blocked", "p1"),
        ("b.example", "below", "excepted", "allow"),
        ("x.a.example", "name and below", "excepted", "allow"),
        ("198.18.1.0/28", "prefix", "blocked", "p1"),
        ("d.example", "name and below", "shadow", "s"),
        ("e.example", "below", "shadow", "s"),
        ("198.18.2.0/28", "prefix", "shadow", "s"),
        ("2001:db8:2::/48", "prefix", "shadow", "s"),
    }
    assert {line.origin.source for line in gateway.read(report.lines)} == {source}


def test_what_sources_lost_is_told(gateway):
    (gateway.place / "a.toml").write_text("com\n" + "".join(f"n{n}.example\n" for n in range(200)))
    (gateway.place / "a.toml").rename(gateway.place / "a.txt")
    gateway.config = Config(list=ListSection(paths=(str(gateway.place / "a.txt"),)))
    publish.publish(gateway.store, gateway.config, NOW)
    (said,) = report.lost(gateway.store.record(1))
    assert said == f"{gateway.place}/a.txt: 1 bad entries were left out"
