"""Response policy zones read by blockd and by BIND: the same names get the same answers."""

import itertools
import random

import dns.message
import pytest

from blockd.config import ResolverSection
from blockd.policy.store import Store
from blockd.resolver.engine import Detour, Engine, Reply
from tests.cli.program import Gateway
from tests.e2e import servers
from tests.e2e.servers import OPEN, Answer, answered, ask
from tests.resolver.messages import query

GARDEN = "198.18.7.7"
HEAD = "$TTL 60\n@ SOA localhost. root.localhost. ( 1 3600\n 600 86400 60 )\n NS localhost.\n"
SAID = [
    "CNAME .", "CNAME .", "IN CNAME *.", "60 CNAME rpz-passthru.", "CNAME rpz-tcp-only.",
    "A 198.18.9.1", f"CNAME {GARDEN.replace('.', '-')}.garden.test.", 'TXT ( "a;b"\n "c" )',
]  # fmt: skip
PREFIXES = """\
24.0.1.18.198.rpz-ip CNAME *.
26.64.1.18.198.rpz-ip CNAME rpz-passthru.
32.1.2.18.198.rpz-ip A 198.18.9.2
"""
ADDRESSES = ["198-18-1-1.free.test", "198-18-1-65.free.test", "198-18-1-128.free.test",
             "198-18-2-1.free.test", "198-18-2-2.free.test"]  # fmt: skip


def zone(draw, roots):
    """A zone in which no wildcard has names without one of their own below it.

    There a wildcard of DNS ends (RFC 4592 2.2.1), and blockd's does not.
    """
    lines = []
    for root in roots:
        name = f"r{root}.test"
        kind = draw.randint(0, 3)
        if kind < 2:  # a half alone
            lines.append(f"{'*.' if kind else ''}{name} {draw.choice(SAID)}")
            continue
        for depth in range(draw.randint(1, 3)):
            owner = ".".join([*("a", "b")[2 - depth :], name])
            owners = [owner, f"*.{owner}"]
            said = [draw.choice(SAID)] * 2 if kind == 2 else draw.sample(SAID, 2)
            lines += [f"{each} {what}" for each, what in zip(owners, said, strict=True)]
    return HEAD + "".join(f"{line}\n" for line in lines)


@pytest.fixture(scope="module")
def zones(tmp_path_factory):
    """Two zones that speak of the same names, the second behind the first."""
    servers.require("named")
    place = tmp_path_factory.mktemp("zones")
    draw = random.Random(7)
    found = {}
    for number, roots in enumerate((range(90), range(40, 130)), 1):
        path = place / f"{3 - number}.rpz"  # by name they would be the other way round
        path.write_text(zone(draw, roots) + (PREFIXES if number == 1 else ""))
        found[f"zone{number}.test"] = path
    return place, found


def same(ours, theirs):
    """NODATA in place of NXDOMAIN is blockd's way not to deny what is below (RFC 8020)."""
    return ours == theirs or (ours == Answer(0) and theirs == Answer(3))


def test_blockd_answers_what_bind_answers(zones):
    place, files = zones
    (place / "gateway").mkdir()
    gateway = Gateway(place / "gateway")
    text = gateway.config.read_text()
    paths = [str(path) for path in files.values()]
    gateway.config.write_text(text.replace(f'["{gateway.rules}"]', str(paths)))
    done = gateway.run("compile")
    assert done.status == 0, done.err
    policy = Store(gateway.state).open()
    engine = Engine(ResolverSection(), policy)
    sample = [
        f"{below}{label}r{root}.test"
        for root, label, below in itertools.product(
            range(131), ("", "a.", "b.", "a.b."), ("", "z.")
        )
    ]
    with (
        servers.upstream() as above,
        servers.bind(place / "bind", above, files) as port,
    ):
        theirs = ask(port, sample)
        judged = ask(port, ADDRESSES)
    wrong = {}
    for name in sample:
        reply = engine.answer(query(name), 1.0)
        if isinstance(reply, Reply):
            ours = answered(dns.message.from_wire(reply.message))
        else:
            ours = Answer(0, addresses=(GARDEN if isinstance(reply, Detour) else OPEN,))
        if not same(ours, theirs[name]):
            wrong[name] = ours, theirs[name]
    assert not wrong, f"{len(wrong)} of {len(sample)}: {list(wrong.items())[:5]}"
    assert len(set(theirs.values())) == 6
    for name, answer in judged.items():
        address = name.partition(".")[0].replace("-", ".")
        found = policy.match_address(bytes(map(int, address.split("."))))
        blocked = found is not None and not found.rule.allow
        assert (answer.addresses != (address,)) == blocked, name
    policy.close()
