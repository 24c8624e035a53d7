"""How an address stands in the kernel, put together; the words for it are the command line's."""

from datetime import UTC, datetime

import pytest

from blockd import prefixes
from blockd.config import Config, ListSection, RoutesSection
from blockd.policy import publish
from blockd.policy.store import Store
from blockd.routes.kernel import Lookup
from blockd.routes.look import Look
from blockd.routes.packet import Met
from tests import topology
from tests.cli.program import RULES
from tests.routes.test_kernel import ip

P = prefixes.parse
STOPPED = Met((), Lookup("blackhole", 5354, P("198.18.1.0/28"), 22))
PASSES = Met(("lan",), Lookup("unicast", 254, P("0.0.0.0/0"), 0))
NOWHERE = Met(("wan",), Lookup("none", None, None, 101))


@pytest.mark.parametrize(
    ("met", "open_to", "blocked", "in_part", "passes"),
    [
        ([STOPPED], [], True, False, False),
        ([STOPPED, PASSES], [PASSES], False, True, True),
        ([STOPPED, NOWHERE], [NOWHERE], False, True, False),
        ([PASSES, NOWHERE], [PASSES, NOWHERE], False, False, True),
        ([NOWHERE], [NOWHERE], False, False, False),
    ],
)
def test_it_is_blocked_when_no_packet_is_left_that_is_not(met, open_to, blocked, in_part, passes):
    seen = Look(P("198.18.1.1"), tuple(met), tuple(open_to), "", ())
    assert (seen.blocked, seen.in_part, seen.passes) == (blocked, in_part, passes)


@pytest.fixture
def policy(tmp_path):
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES)
    config = Config(list=ListSection(paths=(str(rules),)))
    publish.publish(Store(tmp_path), config, datetime.now(UTC))
    opened = Store(tmp_path).open()
    yield opened
    opened.close()


@pytest.mark.root
@pytest.mark.parametrize("table", [5354, 5355])
def test_holes_and_reasons_are_those_of_the_table_in_force(policy, table):
    def look(text, *, listed=True):
        from blockd.routes import look

        found = look.look(Config(routes=RoutesSection()), policy, P(text), listed=listed)
        return found.blocked, found.why_open, [str(hole) for hole in found.holes]

    def inside():
        topology.assert_isolated()
        assert look("198.18.1.1")[0] is False
        ip(f"rule add pref 5354 table {table} protocol 177")
        nothing = f"table {table} holds no null route for it; `blockd status` says how it stands"
        assert look("198.18.1.1") == (False, nothing, [])
        ip(f"route add blackhole 198.18.1.0/28 proto 177 table {table}")
        ip(f"route add throw 198.18.1.8/32 proto 177 table {table}")
        assert look("198.18.1.1") == (True, "", [])
        assert look("198.18.1.0/28") == (True, "", ["198.18.1.8/32"])
        assert look("198.18.1.8", listed=False) == (False, "", [])
        assert look("198.18.1.8/29") == (False, nothing, ["198.18.1.8/32"])
        ip("link set lo up")
        ip(f"route add 198.18.1.1/32 dev lo proto static table {table}")
        first = f"a route of others in table {table} comes first; `blockd status` names it"
        assert look("198.18.1.1") == (False, first, [])

    with topology.namespace() as space:
        space.call(inside)
