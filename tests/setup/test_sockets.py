"""Socket units follow `listen`: no drop-in where they agree, one that says it all where not."""

import pytest

from blockd import config as configuration
from blockd.config import Config
from blockd.setup import sockets
from blockd.setup.layout import NOTICE_SOCKET, SOCKET
from tests.setup.world import SHIPPED

UNIT = SHIPPED[SOCKET].decode()


@pytest.mark.parametrize("name", [SOCKET, NOTICE_SOCKET])
def test_the_shipped_units_listen_where_the_defaults_say(name):
    assert sockets.drop_in(SHIPPED[name].decode(), sockets.wanted(Config())[name]) == ""


SECURE = """\
[resolver]
listen = ["[2001:db8::1]:5353"]
listen_tls = ["198.18.0.1"]
certificate = "c"
key = "k"
"""


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            '[resolver]\nlisten = ["198.18.0.1"]\n',
            ["ListenDatagram=198.18.0.1:53", "ListenStream=198.18.0.1:53"],
        ),
        (
            SECURE,
            [
                "ListenDatagram=[2001:db8::1]:5353",
                "ListenStream=[2001:db8::1]:5353",
                "ListenStream=198.18.0.1:853",
            ],
        ),
    ],
)
def test_a_drop_in_forgets_the_units_addresses_and_names_the_configured_ones(text, lines):
    made = sockets.drop_in(UNIT, sockets.wanted(configuration.parse(text, "x"))[SOCKET])
    assert [line for line in made.splitlines() if not line.startswith("#")] == [
        "[Socket]", "ListenStream=", *lines,
    ]  # fmt: skip


def test_without_a_unit_there_is_nothing_to_drop_in():
    assert sockets.drop_in("", sockets.wanted(Config())[SOCKET]) == ""


@pytest.mark.parametrize(
    ("text", "says"),
    [("[Socket]\nListenStream=\n", True), ("[Socket]\nBacklog=9\n# ListenStream=x\n", False)],
)
def test_a_drop_in_of_an_operators_counts_where_it_says_an_address(text, says):
    assert sockets.overridden([text]) is says
