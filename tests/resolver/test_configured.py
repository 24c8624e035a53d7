"""What a changed configuration changes, and that a bad one changes nothing."""

import asyncio
import contextlib
import time

import msgspec
import pytest

from blockd.config import Config, Endpoint, ResolverSection, Upstream
from blockd.errors import ConfigError, UpstreamError
from blockd.resolver import wire
from blockd.resolver.configured import Configured, obeyed
from blockd.resolver.reply import parse_reply
from tests.resolver.messages import query, reply
from tests.resolver.stub import answer, upstream

LISTEN = (Endpoint("127.0.0.1", 5300),)
CONFIG = Config(resolver=ResolverSection(listen=LISTEN))


@pytest.fixture
def resolv_conf(tmp_path):
    path = tmp_path / "resolv.conf"
    path.write_text("nameserver 127.0.0.2\n")
    return path


@pytest.fixture
def scenario(resolv_conf):
    """Run a scenario with the parts of a resolver that holds one answer."""

    def run(play):
        async def whole():
            made = Configured(obeyed(CONFIG, resolv_conf), resolv_conf, bytes(16))
            made.open()
            with contextlib.closing(made):
                asked = query("www.example")
                answer = parse_reply(
                    reply(asked, "www.example 60 A 198.18.0.1"), asked.index(b"\0\0\1\0\1") + 5
                )
                made.engine.keep(wire.parse_query(asked), answer, time.monotonic())
                play(made)

        asyncio.run(whole())

    return run


def changed(**settings):
    return Config(resolver=msgspec.structs.replace(CONFIG.resolver, **settings))


@pytest.mark.parametrize(("later", "kept"), [("127.0.0.2", 1), ("127.0.0.3", 0)])
def test_what_the_servers_of_an_earlier_resolv_conf_said_is_forgotten(
    scenario, resolv_conf, later, kept
):
    def play(made):
        resolv_conf.write_text(f"nameserver {later}\n")
        made.configure(CONFIG)
        assert len(made.engine.cache) == kept

    scenario(play)


def test_a_configuration_that_cannot_be_obeyed_changes_nothing(scenario, resolv_conf):
    def play(made):
        before = made.forwarder
        resolv_conf.write_text("")
        with pytest.raises(UpstreamError):
            made.configure(changed(rate_limit=7))
        assert (made.forwarder, made.config, len(made.engine.cache)) == (before, CONFIG, 1)

    scenario(play)


def test_a_certificate_that_cannot_be_read_again_changes_nothing(leaf, resolv_conf):
    listen_tls = (Endpoint("127.0.0.1", 8530),)
    config = changed(listen_tls=listen_tls, certificate=leaf.certificate, key=leaf.key)

    async def play():
        made = Configured(obeyed(config, resolv_conf), resolv_conf, bytes(16))
        made.open()
        with contextlib.closing(made):
            before, context = made.forwarder, made.certificate.context
            with pytest.raises(ConfigError):
                made.configure(changed(listen_tls=listen_tls, certificate=leaf.certificate))
            assert (made.forwarder, made.certificate.context) == (before, context)
            assert made.config is config

    asyncio.run(play())


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"listen": (Endpoint("127.0.0.1", 5301),), "workers": 2}, "listen, workers"), ({}, "")],
)
def test_what_only_a_restart_changes_is_named(scenario, settings, named):
    def play(made):
        made.configure(changed(**settings))
        assert made.problems[0].startswith(f"[resolver] {named} changed" if named else "")
        assert bool(made.problems[0]) == bool(named)
        made.configure(CONFIG)
        assert not any(made.problems)

    scenario(play)


def test_questions_to_earlier_upstreams_are_still_in_flight(scenario):
    def play(made):
        made.engine.prefetch(wire.parse_query(query("a.example")))
        assert made.in_flight == 1
        made.configure(changed(ttl=7))
        # The probe of the upstreams in force is none that a client waits for.
        assert made.in_flight == 1
        assert len(made.forwarder) == 0

    scenario(play)


def test_what_was_learnt_of_an_upstream_outlives_a_reload_while_it_is_asked(scenario, resolv_conf):
    corp = Upstream(Endpoint("127.0.0.8"))

    def play(made):
        made.configure(changed(zones={"corp.test": (corp,), "x.test": (corp,)}))
        made.forwarder.default.exchanges.health[0].failures = 9
        made.forwarder.zones[b"\4corp\4test"].exchanges.health[0].rtt = 0.25
        resolv_conf.write_text("nameserver 127.0.0.3\nnameserver 127.0.0.2\n")
        made.configure(changed(zones={"corp.test": (corp,), "y.test": (corp,)}, ttl=7))
        health = {
            (each.get("zone"), each["address"]): (each["silent"], each["rtt_ms"])
            for each in made.forwarder.status()
        }
        assert health == {
            (None, "127.0.0.3:53"): (False, 0),
            (None, "127.0.0.2:53"): (True, 0),
            ("corp.test", "127.0.0.8:53"): (False, 250),
            ("y.test", "127.0.0.8:53"): (False, 0),
        }

    scenario(play)


def test_the_answer_to_a_probe_is_none_that_nobody_asked_for(resolv_conf):
    async def play():
        with upstream(answer) as stub:
            config = changed(upstreams=(stub.upstream,))
            made = Configured(obeyed(config, resolv_conf), resolv_conf, bytes(16))
            made.open()
            with contextlib.closing(made):
                made.probe()
                (circle,) = made.forwarder.default._circles
                while not circle._over:  # noqa: ASYNC110 - nobody waits for a probe
                    await asyncio.sleep(0.002)
                assert len(stub.udp) == 1
                assert made.forwarder.mismatched == 0

    asyncio.run(asyncio.wait_for(play(), 10))
