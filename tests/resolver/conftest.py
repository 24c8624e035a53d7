"""Shared by the resolver's tests: compiled policies, parsed queries, and a certificate."""

import gc
import json
import socket
from datetime import UTC, date, datetime

import pytest

from blockd.config import Config, ListSection
from blockd.policy import publish
from blockd.policy.reader import Policy
from blockd.policy.store import Store
from blockd.policy.writer import write
from blockd.resolver import wire
from blockd.watchlist import formats
from blockd.watchlist.compile import compile_rules
from tests.lists import HEAD, allow, platform
from tests.resolver import messages
from tests.resolver.certificates import NAME, Authority

RULES = (
    HEAD
    + platform(
        "p001", "plain.example", "listed.example", "=only.example", "*.below.example",
        "open.example",
    )
    + platform("p002", "zero.example", action="zero")
    + platform("p003", "silent.example", action="drop")
    + platform("p004", "refused.example", action="refused")
    + platform(
        "p005", "page.example", action="address", addresses=["198.18.0.1", "2001:db8::1"], ttl=5
    )
    + platform("p006", "nodata.example", action="nodata")
    + allow("good.listed.example", "open.example")
)  # fmt: skip


def compiled(directory, text, number):
    """Return a policy of native rules, open; the caller closes it."""
    parsed = formats.parse(text.encode(), "list.toml")
    assert not any(parsed.errors())
    path = directory / f"{number:08d}.mdb"
    write(path, number, compile_rules([parsed], date(2026, 1, 1)))
    return Policy(path)


@pytest.fixture(scope="session")
def policy(tmp_path_factory):
    """The rules above, as generation 41."""
    made = compiled(tmp_path_factory.mktemp("policy"), RULES, 41)
    yield made
    made.close()


@pytest.fixture
def policy_of(tmp_path):
    """Make further policies: a function of native rules."""
    made = []

    def make(text):
        made.append(compiled(tmp_path, text, 50 + len(made)))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def make_policy(policy_of):
    """Make further policies: a function of names that are listed, and of what else is said."""

    def make(*domains, **more):
        said = "".join(f"{key} = {json.dumps(value)}\n" for key, value in more.items())
        return policy_of(f'[[platform]]\nid = "x"\ndomains = {list(domains)}\n{said}')

    return make


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def leaf(authority):
    return authority.sign(NAME)


@pytest.fixture(scope="session")
def committing():
    """Commit rules to the store of a directory as `blockd compile` does; returns the generation."""

    def commit(directory, text=RULES):
        rules = directory / "rules.toml"
        rules.write_text(text)
        config = Config(list=ListSection(paths=(str(rules),)))
        return publish.publish(Store(directory / "state"), config, datetime.now(UTC)).number

    return commit


@pytest.fixture
def uncollected():
    """Have nothing freed but by its last reference."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(scope="session")
def ipv6():
    """Skip where loopback has no IPv6."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError as error:
        pytest.skip(f"no IPv6 on loopback: {error}")


@pytest.fixture(scope="session")
def asked():
    """Return what the resolver sees of a query; takes what `messages.query` takes."""
    return lambda *args, **options: wire.parse_query(messages.query(*args, **options))
