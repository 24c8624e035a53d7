"""Exports in the programs that they are for: these block what blockd blocks, and nothing else."""

import random

import pytest

from blockd import names
from blockd.config import ResolverSection
from blockd.policy.store import Store
from blockd.resolver.engine import Engine, Reply
from blockd.terms import Action
from tests import topology
from tests.cli.program import Gateway, ended
from tests.e2e import servers
from tests.e2e.servers import OPEN, Answer, answered, ask
from tests.resolver.messages import query

SAMPLED = 2000
ACTIONS = [
    *['action = "nxdomain"'] * 6,
    *['action = "nodata"'] * 3,
    'action = "zero"',
    'action = "address"\naddresses = ["198.18.254.1", "2001:db8:fe::1"]',
    'action = "records"\nrecords = ["A 198.18.254.2", "TXT \\"it\'s; blocked\\""]\nttl = 7',
    'action = "tcp-only"',
]
SIGNS = ["", "", "", "=", "*."]


def tree(draw):
    """Names within each other, some with gaps between."""
    found = []
    for root in range(120):
        name = f"r{root}.test"
        for _ in range(draw.randint(1, 8)):
            deeper = [draw.choice("abcd") for _ in range(draw.randint(0, 4))]
            found.append(".".join([*deeper, name]))
    return list(dict.fromkeys(found))


def platforms(draw, listed):
    """A native list of entries of every scope and action, with exceptions among them."""
    chosen = {name: draw.choice(SIGNS) for name in listed}
    parts = ['[list]\nname = "A list"\nauthority = "Example Authority"\nbasis = "order"\n']
    excepted = set(draw.sample(listed, len(listed) // 5))
    for number, action in enumerate(ACTIONS):
        mine = [chosen[n] + n for n in listed[number :: len(ACTIONS)] if n not in excepted]
        parts.append(f'[[platform]]\nid = "p{number}"\n{action}\ndomains = {mine}\n')
    domains = [chosen[name] + name for name in sorted(excepted)]
    parts.append(
        '[[platform]]\nid = "q"\nprefixes = ["198.18.1.0/24", "198.18.2.8/29", "198.18.3.1/32",'
        ' "198.18.2.16/29", "2001:db8:1::/48"]\n'
        f'[[allow]]\nreason = "a test"\ndomains = {domains}\nprefixes = ["198.18.1.64/26"]\n'
    )
    return "\n".join(parts)


def sampled(draw, listed):
    """Names that are listed, and names below, above, beside and away from them."""
    found = list(listed)
    for name in listed:
        label, _, above = name.partition(".")
        found += [f"z.{name}", f"{draw.choice('abcd')}.{name}", f"y.z.{name}", f"z.{above}", above]
        found.append(f"{label}{label}.{above}")
    found += [f"free{number}.test" for number in range(100)]
    found = list(dict.fromkeys(name for name in found if name != "test"))
    return draw.sample(found, min(SAMPLED, len(found)))


@pytest.fixture(scope="module")
def draw():
    return random.Random(5)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("exports")


@pytest.fixture(scope="module")
def listed(draw):
    return tree(draw)


@pytest.fixture(scope="module")
def gateway(place, draw, listed):
    (place / "gateway").mkdir()
    made = Gateway(place / "gateway")
    made.write(platforms(draw, listed))
    assert made.run("compile").status == 0
    return made


@pytest.fixture(scope="module")
def policy(gateway):
    opened = Store(gateway.state).open()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def sample(draw, listed):
    return sampled(draw, listed)


@pytest.fixture(scope="module")
def wanted(policy, sample):
    """What blockd answers."""
    engine = Engine(ResolverSection(), policy)
    found = {}
    for name in sample:
        reply = engine.answer(query(name), 1.0)
        forwarded = Answer(0, addresses=(OPEN,))
        found[name] = (
            answered(servers.dns.message.from_wire(reply.message))
            if isinstance(reply, Reply)
            else forwarded
        )
    still_open = sum(answer.addresses == (OPEN,) for answer in found.values())
    assert 300 < still_open < len(sample) - 300
    return found


@pytest.fixture(scope="module")
def above():
    with servers.upstream() as port:
        yield port


def exported(gateway, form, place):
    path = place / f"{form}.out"
    # Beside this process, which has the generation open: LMDB opens no file twice.
    done = ended(gateway.argv("export", form, "--output", str(path)))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    return path, done.stderr


ADDRESSES = {
    "198-18-1-1.free.test": True, "198-18-1-63.free.test": True, "198-18-1-64.free.test": False,
    "198-18-1-128.free.test": True, "198-18-2-7.free.test": False, "198-18-2-8.free.test": True,
    "198-18-2-23.free.test": True, "198-18-2-24.free.test": False, "198-18-3-1.free.test": True,
    "198-18-3-2.free.test": False,
}  # fmt: skip


def compare(found, wanted):
    wrong = {name: (found[name], wanted[name]) for name in wanted if found[name] != wanted[name]}
    assert not wrong, f"{len(wrong)} of {len(wanted)}: {list(wrong.items())[:5]}"


def blocked_addresses(port):
    return {
        name: answer.addresses == () and answer.rcode == 0
        for name, answer in ask(port, list(ADDRESSES)).items()
    }


def test_bind_with_the_zone_answers_what_blockd_answers(gateway, place, above, sample, wanted):
    servers.require("named", "named-checkzone")
    path, lost = exported(gateway, "rpz", place)
    assert lost == ""
    checked = ended(["named-checkzone", "-i", "none", "policy.rpz", str(path)])
    assert checked.returncode == 0, checked.stdout
    with servers.bind(place / "bind", above, {"policy.rpz": path}) as port:
        compare(ask(port, sample), wanted)
        assert blocked_addresses(port) == ADDRESSES


def test_unbound_with_the_zone_answers_what_blockd_answers(gateway, place, above, sample, wanted):
    servers.require("unbound", "unbound-checkconf")
    path, _ = exported(gateway, "rpz", place)
    more = f'rpz:\n  name: policy.rpz\n  zonefile: "{path}"\n'
    with servers.unbound(place / "u1", above, more, modules="respip iterator") as port:
        compare(ask(port, sample), wanted)
        assert blocked_addresses(port) == ADDRESSES


def test_unbound_with_local_zones_blocks_what_blockd_blocks(
    gateway, place, above, sample, wanted, policy
):
    servers.require("unbound", "unbound-checkconf")
    path, lost = exported(gateway, "unbound", place)
    assert "names left open" in lost
    with servers.unbound(place / "u2", above, f'include: "{path}"') as port:
        found = ask(port, sample)
    left_open = 0
    for name in sample:
        is_open = found[name].addresses == (OPEN,)
        wire = names.parse(name)
        closest = next((each for each in names.suffixes(wire) if policy.holds(each)), wire)
        if closest != wire and blocks(policy, wire) and not blocks(policy, closest):
            assert is_open, name
            left_open += 1
        else:
            assert is_open == stays_open(wanted[name]), name
    assert 0 < left_open < SAMPLED / 3


def stays_open(answer):
    """Whether a program that has one answer for all transports lets a name through."""
    return answer.addresses == (OPEN,) or answer.cut


def blocks(policy, wire):
    verdict = policy.match(wire)
    if verdict is None or verdict.rule.allow:
        return False
    return verdict.rule.action is not Action.TCP_ONLY


def test_dnsmasq_blocks_what_blockd_blocks(gateway, place, above, sample, wanted):
    servers.require("dnsmasq")
    path, lost = exported(gateway, "dnsmasq", place)
    assert "entries answered NXDOMAIN" in lost
    with servers.dnsmasq(place / "d", above, f"conf-file={path}\n") as port:
        found = ask(port, sample)
    compare(
        {name: answer.addresses == (OPEN,) for name, answer in found.items()},
        {name: stays_open(answer) for name, answer in wanted.items()},
    )


def test_a_hosts_file_blocks_the_names_that_stand_in_it(
    gateway, place, above, sample, wanted, policy
):
    servers.require("dnsmasq")
    path, lost = exported(gateway, "hosts", place)
    assert "names taken without what is below them" in lost
    with servers.dnsmasq(place / "h", above, f"addn-hosts={path}\n") as port:
        found = ask(port, sample)
    for name in sample:
        expected = policy.holds(names.parse(name)) and not stays_open(wanted[name])
        assert (found[name].addresses != (OPEN,)) == expected, name


@pytest.mark.root
def test_nftables_holds_what_is_blocked_and_loads_again(gateway, place):
    servers.require("nft")
    topology.require()
    path, lost = exported(gateway, "nftables", place)
    assert "names left out" in lost
    with topology.namespace("nft") as space:
        for _ in range(2):
            done = ended(space.argv("nft", "-f", str(path)))
            assert done.returncode == 0, done.stderr
        for name, blocked in ADDRESSES.items():
            address = name.partition(".")[0].replace("-", ".")
            asked = f"get element inet blockd listed4 {{ {address} }}"
            done = ended(space.argv("nft", asked))
            assert (done.returncode == 0) == blocked, name
        for address, blocked in (("2001:db8:1::1", True), ("2001:db8:2::1", False)):
            asked = f"get element inet blockd listed6 {{ {address} }}"
            done = ended(space.argv("nft", asked))
            assert (done.returncode == 0) == blocked, address


def test_bird_takes_the_routes(gateway, place):
    servers.require("bird")
    path, lost = exported(gateway, "bird", place)
    assert "names left out" in lost
    conf = place / "bird.conf"
    conf.write_text(f'router id 198.18.0.1;\nprotocol device {{ }}\ninclude "{path}";\n')
    done = ended(["/usr/sbin/bird", "-p", "-c", str(conf)])
    assert (done.returncode, done.stderr) == (0, "")
    text = path.read_text()
    assert "route 198.18.1.0/26 blackhole;" in text
    assert "route 198.18.1.128/25 blackhole;" in text
    assert "198.18.1.64" not in text
    assert "route 2001:db8:1::/48 blackhole;" in text
