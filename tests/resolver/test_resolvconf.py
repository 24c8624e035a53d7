"""Upstreams from resolv.conf, and never the resolver itself."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import config as configuration
from blockd.config import Endpoint
from blockd.errors import UpstreamError
from blockd.resolver.resolvconf import MOST, chosen, is_own, upstreams

TRIAL = ["127.0.0.1:5300"]
ANY = ["0.0.0.0:53", "[::]:53"]


def found(text, listen=TRIAL):
    return [str(each) for each in upstreams(text, [Endpoint.parse(own) for own in listen])]


ONE = ["198.18.0.53:53"]


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("nameserver 198.18.0.53\n", ONE),
        ("nameserver 2001:db8::53", ["[2001:db8::53]:53"]),
        ("nameserver\t198.18.0.53\n", ONE),
        ("  nameserver \t 198.18.0.53  \r\n", ONE),
        ("nameserver 198.18.0.53 # ours\nnameserver 198.18.0.54;x\n", [*ONE, "198.18.0.54:53"]),
        ("# nameserver 198.18.0.1\n;nameserver 198.18.0.2\nnameserver 198.18.0.53\n", ONE),
        ("search a.example\noptions edns0\nnameserver 198.18.0.53\n", ONE),
        ("nameserver fe80::1%eth0\nnameserver 198.18.0.53\n", ONE),
        ("nameserver\nnameserver x\nnameservers 198.18.0.1\nnameserver 198.18.0.53", ONE),
        (
            "".join(f"nameserver 198.18.0.{n}\n" for n in range(1, 9)),
            ["198.18.0.1:53", "198.18.0.2:53", "198.18.0.3:53"],
        ),
        ("nameserver 127.0.0.1\n", ["127.0.0.1:53"]),
    ],
)
def test_what_is_read(text, servers):
    assert found(text) == servers


@pytest.mark.parametrize(
    ("text", "listen", "servers"),
    [
        ("nameserver 127.0.0.1\nnameserver 198.18.0.53\n", ANY, ["198.18.0.53:53"]),
        ("nameserver 127.0.0.53\nnameserver 198.18.0.53\n", ANY, ["198.18.0.53:53"]),
        ("nameserver ::1\nnameserver 198.18.0.53\n", ANY, ["198.18.0.53:53"]),
        ("nameserver 198.18.0.1\nnameserver 198.18.0.53\n", ["198.18.0.1:53"], ["198.18.0.53:53"]),
        ("nameserver 127.0.0.1\n", ["127.0.0.1:5300"], ["127.0.0.1:53"]),
        ("nameserver 127.0.0.1\n", ["198.18.0.1:53"], ["127.0.0.1:53"]),
    ],
)
def test_the_resolver_is_not_its_own_upstream(text, listen, servers):
    assert found(text, listen) == servers


@pytest.mark.parametrize(
    ("server", "listen", "own"),
    [
        ("198.18.0.1", "0.0.0.0:53", True),
        ("198.18.0.1", "0.0.0.0:5300", False),
        ("198.18.0.1", "[::]:53", False),
        ("198.18.0.2", "0.0.0.0:53", False),
        ("198.18.0.1", "198.18.0.2:53", False),
        ("2001:db8::1", "[::]:53", True),
        ("2001:db8::1", "0.0.0.0:53", False),
        ("2001:db8::2", "[::]:53", False),
        ("127.0.0.1", "[::]:53", False),
        ("127.9.9.9", "0.0.0.0:53", True),
        ("::1", "0.0.0.0:53", False),
        ("::1", "[::]:53", True),
        ("0.0.0.0", "0.0.0.0:53", True),  # what is sent there goes to loopback
        ("0.0.0.0", "198.18.0.1:53", False),
    ],
)
def test_a_wildcard_is_every_address_that_the_host_has_in_its_family(server, listen, own):
    here = {"198.18.0.1", "2001:db8::1"}.__contains__
    assert is_own(Endpoint(server), [Endpoint.parse(listen)], here) is own
    text = f"nameserver {server}\nnameserver 198.18.0.53\n"
    left = [each.endpoint.address for each in upstreams(text, [Endpoint.parse(listen)], here)]
    assert left == ([] if own else [server]) + ["198.18.0.53"]


@pytest.mark.parametrize(
    "text", ["upstreams = ['198.18.0.1']", "zones = {'x.test' = ['198.18.0.1']}"]
)
def test_an_address_of_this_host_is_no_upstream_of_a_wildcard(text):
    with pytest.raises(UpstreamError, match=r"upstream 198.18.0.1:53 is this resolver itself"):
        chosen(settings(text), RESOLV_CONF, {"198.18.0.1"}.__contains__)
    with pytest.raises(UpstreamError, match=r"names only this resolver \(198.18.0.53:53\)"):
        chosen(settings(""), RESOLV_CONF, {"198.18.0.53"}.__contains__)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "names no usable server"),
        ("search a.example\n", "names no usable server"),
        ("nameserver 127.0.0.1\n", r"names only this resolver \(127.0.0.1:53\)"),
    ],
)
def test_none_is_an_error_that_says_what_to_set(text, part):
    with pytest.raises(UpstreamError, match=f"{part}.*; set \\[resolver\\] upstreams"):
        found(text, ANY)


def settings(text):
    return configuration.parse(f"[resolver]\n{text}\n", "x").resolver


RESOLV_CONF = "nameserver 198.18.0.53\nnameserver 127.0.0.1\n"


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("", ["198.18.0.53:53"]),
        ("listen = ['127.0.0.1:5300']", ["198.18.0.53:53", "127.0.0.1:53"]),
        ("upstreams = ['198.18.0.54', 'tls://198.18.0.55#x']",
         ["198.18.0.54:53", "tls://198.18.0.55:853#x"]),
        ("zones = {'corp.example' = ['198.18.0.56']}", ["198.18.0.53:53"]),
        ("listen = ['127.0.0.1:5300']\nupstreams = ['127.0.0.1']", ["127.0.0.1:53"]),
        ("upstreams = ['127.0.0.1:5300']", ["127.0.0.1:5300"]),
    ],
)  # fmt: skip
def test_configured_upstreams_come_before_resolv_conf(text, servers):
    assert [str(each) for each in chosen(settings(text), RESOLV_CONF)] == servers


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("upstreams = ['198.18.0.54', '127.0.0.1']", "127.0.0.1:53"),
        ("upstreams = ['::1']", r"\[::1\]:53"),
        ("listen = ['198.18.0.1:5300']\nupstreams = ['tcp://198.18.0.1:5300']",
         "tcp://198.18.0.1:5300"),
        ("zones = {'corp.example' = ['198.18.0.54', '127.0.0.53']}", "127.0.0.53:53"),
        ("listen_tls = ['0.0.0.0:853']\nupstreams = ['tls://127.0.0.1#x']",
         "tls://127.0.0.1:853#x"),
    ],
)  # fmt: skip
def test_an_upstream_that_is_this_resolver_itself_is_a_loop(text, named):
    with pytest.raises(UpstreamError, match=f"upstream {named} is this resolver itself"):
        chosen(settings(text), RESOLV_CONF)


WORD = st.sampled_from(["nameserver", "198.18.0.1", "::1", "#", ";", " ", "\t", "\n", "%", "["])


@given(st.lists(WORD | st.text(max_size=5), max_size=30).map("".join))
def test_any_text_gives_servers_or_the_error(text):
    with contextlib.suppress(UpstreamError):
        assert 1 <= len(found(text)) <= MOST
