"""`blockd resolve` as a process: it waits, serves, and says why it cannot start."""

import socket

import pytest

from blockd import names
from blockd.config import Endpoint
from blockd.resolver import asking
from tests.cli.program import DAC_OVERRIDE, daemon, ended, until, without
from tests.ports import free_port


def test_it_waits_for_the_first_generation_and_then_serves(gateway):
    with daemon(gateway.argv("resolve"), gateway.place) as resolver:
        ((waiting,),) = resolver.notices.until("STATUS=Waiting")
        assert f"no generation in {gateway.state} yet; run `blockd compile`" in waiting
        done = gateway.run("compile", "--wait")
        assert done.out.splitlines()[1:] == ["resolver: enforces generation 1"]
        resolver.notices.until("READY=1")
        answer = asking.ask(Endpoint("127.0.0.1", gateway.port), names.parse("a.listed.example"))
        assert str(answer) == "NXDOMAIN; EDE 16 Censored: p001: Notice 7"
        assert resolver.end() == 0
        assert "resolver: serving on" in resolver.logged("serving on")


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_taken_port_is_named_with_how_to_find_who_has_it(gateway, kind):
    gateway.run("compile")
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", gateway.port))
        done = ended(gateway.argv("resolve"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"blockd: 127.0.0.1:{gateway.port} is taken by another program:"
        f" `ss -lnptu 'sport = :{gateway.port}'` shows which; stop it,"
        " or change [resolver] listen\n"
    )


@pytest.mark.parametrize(
    ("elsewhere", "said"),
    [
        (False, "127.0.0.1:{port} is taken by another program"),
        (True, "another daemon answers on {control}: stop it, or give this one a directory"),
    ],
)
def test_a_second_one_leaves_the_first_in_reach(gateway, elsewhere, said):
    gateway.run("compile")
    with daemon(gateway.argv("resolve"), gateway.place) as resolver:
        resolver.notices.until("READY=1")
        expected = said.format(port=gateway.port, control=gateway.control("resolver"))
        if elsewhere:
            gateway.port = free_port()
            gateway.configure()
        done = ended(gateway.argv("resolve"))
        assert done.returncode == 2
        assert expected in done.stderr
        waited = gateway.run("compile", "--wait")
        assert "resolver: enforces generation 1" in waited.out


def test_a_control_socket_that_cannot_be_made_is_named_with_the_remedy(gateway):
    gateway.run("compile")
    locked = gateway.place / "locked"
    locked.mkdir(mode=0o555)
    gateway.configure(f'[service]\nrun = "{locked}"\n')
    done = ended(without(DAC_OVERRIDE, gateway.argv("resolve")))
    assert done.returncode == 2
    assert done.stderr == (
        f"blockd: no control socket at {locked}/resolver/control: Permission denied;"
        " make the directory writable for this user or set [service] run\n"
    )


@pytest.mark.root
def test_an_address_that_is_not_there_yet_is_told_and_answered_on_once_it_is(gateway, space):
    config = gateway.config.read_text()
    config = config.replace("127.0.0.1:", "198.18.255.9:", 1)
    # Who asks an address of this host comes from the same one.
    gateway.config.write_text(config.replace("listen =", 'allow = ["198.18.255.9"]\nlisten ='))
    gateway.run("compile")
    explain = gateway.argv("explain", "listed.example")
    with daemon(gateway.argv("resolve"), gateway.place, space=space) as resolver:
        resolver.notices.until("READY=1")
        assert "198.18.255.9 in [resolver] listen is no address of this host" in resolver.logged(
            "once it is there it is answered on, without a restart"
        )
        assert space.run(*explain, check=False).returncode == 4
        space.ip("addr add 198.18.255.9/32 dev lo")
        until(lambda: space.run(*explain, check=False).returncode == 0)
