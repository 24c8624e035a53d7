"""The typed configuration: every key, its default, and how its text is read.

Key names are a contract with operators; a key stands here only when something obeys it.
Pure: text in, `Config` out; who reads the file is the command line.
"""

import tomllib
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from blockd import config_faults, config_types, names, prefixes
from blockd.config_place import line_of
from blockd.endpoints import Endpoint, TlsEndpoint, Upstream, WebEndpoint
from blockd.errors import ConfigError, NameFormError
from blockd.listing import FetchSection, ListSection, SourceSection, Terms, contradiction
from blockd.terms import Action, Denied, Required, RouteType, Strategy
from blockd.values import (
    Duration,
    Network,
    NeverItem,
    Share,
    Size,
    Target,
    TextValue,
    is_link,
)

__all__ = [
    "Config", "Duration", "Endpoint", "FetchSection", "GuardSection", "ListSection", "Network",
    "NeverItem", "NoticeSection", "ResolverSection", "RoutesSection", "ServiceSection", "Share",
    "Size", "SourceSection", "Target", "Terms", "TextValue", "TlsEndpoint", "Upstream",
    "WebEndpoint", "parse",
]  # fmt: skip

TableNumber = Annotated[int, Meta(ge=1, le=2**32 - 2)]
_LOOPBACK = (prefixes.parse("127.0.0.0/8"), prefixes.parse("::1"))
_SYSTEM_TABLES = frozenset({252, 253, 254, 255})  # linux/rtnetlink.h: compat, default, main, local
_NEED_MORE = (Action.ADDRESS, Action.RECORDS)
AloneAction = Annotated[Action, Meta(extra={config_types.WITHOUT: _NEED_MORE})]
"""What a name can be answered where nothing but this word is said."""

Endpoints = Annotated[tuple[Endpoint, ...], Meta(min_length=1)]


class ResolverSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`[resolver]`: the sinkhole."""

    listen: Endpoints = (Endpoint("0.0.0.0"), Endpoint("::"))  # noqa: S104 - a gateway serves its networks; `allow` says whom
    upstreams: tuple[Upstream, ...] = ()
    """Empty: the servers of /etc/resolv.conf."""
    strategy: Strategy = Strategy.FASTEST
    zones: dict[str, tuple[Upstream, ...]] = {}
    """Names, each with the upstreams that are asked for it and for what is below it."""
    allow: tuple[Network, ...] = tuple(
        Network.parse(text)
        for text in (
            "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
            "::1/128", "fe80::/10", "fc00::/7",
        )
    )  # fmt: skip
    action: AloneAction = Action.NXDOMAIN
    ttl: Annotated[int, Meta(ge=0, le=604800)] = 60
    cache: Size = Size(64 << 20)
    stale: Duration = Duration(86_400)
    """How long past its TTL an answer may be given when upstreams fail; `0s` is never."""
    denied: Denied = Denied.REFUSE
    """What a client outside `allow` gets: REFUSED with EDE 18, or nothing."""
    rate_limit: Annotated[int, Meta(ge=0)] = 1000
    """Queries a second from one client prefix (IPv4 /24, IPv6 /56) over UDP; 0 is no limit.
    Loopback has none."""
    check_cname: bool = True
    """Names that CNAME, DNAME or SVCB records lead to are judged like the name asked."""
    check_addresses: bool = True
    """Addresses in answers, HTTPS and SVCB hints included, are judged by the listed prefixes."""
    case_randomization: bool = False
    """Ask upstreams in random case (0x20); some cannot take it."""
    client_subnet: bool = False
    """Pass a client's own EDNS client-subnet option on (RFC 7871); never added."""
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    listen_tls: tuple[TlsEndpoint, ...] = ()
    """Addresses for DNS over TLS (RFC 7858), such as `0.0.0.0:853`; they need a certificate."""
    certificate: str = ""
    """A PEM file with the certificate and its chain; read again on SIGHUP."""
    key: str = ""
    """A PEM file with the certificate's private key."""


class RoutesSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`[routes]`: the null routes."""

    enabled: bool = True
    table: TableNumber = 5354
    preference: Annotated[int, Meta(ge=1, le=32765)] = 5354
    protocol: Annotated[int, Meta(ge=5, le=255)] = 177
    type: RouteType = RouteType.BLACKHOLE
    protect: tuple[Network, ...] = ()
    withdraw_on_stop: bool = True
    """Whether stopping the unit withdraws the routes; a restart, a crash or a shutdown never
    does."""

    def __post_init__(self) -> None:
        """Refuse a table of which either, it or the next one, is the system's."""
        if _SYSTEM_TABLES.intersection((self.table, self.table + 1)):
            raise ValueError(
                f"table {self.table} and the next one, which swaps use, must not be among the"
                " system's 252 to 255; 5354 is the default"
            )


class GuardSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`[guard]`: limits against blocking too much."""

    shortest_v4: Annotated[int, Meta(ge=1, le=32)] = 16
    shortest_v6: Annotated[int, Meta(ge=1, le=128)] = 32
    max_added: Share = Share(percent=50)
    """The most names, and the most prefixes, that one change may add: a number, or a share of
    those in force. The first load is exempt, and expiry never counts."""
    max_removed: Share = Share(percent=20)
    """The most that one change may remove, likewise."""
    budget: Share = Share(percent=1)
    require: tuple[Required, ...] = ()
    """What every platform, and every feed, must say. `expires` is asked of native lists alone:
    an entry of a feed leaves with the feed."""
    never: tuple[NeverItem, ...] = ()
    """Names and prefixes that no list may block, nor anything below or within; or files of them.
    The names of upstreams and the hosts of lists are always among them."""
    must_resolve: tuple[Target, ...] = ()
    """Canaries: names and prefixes of which a change may block nothing."""
    must_block: tuple[Target, ...] = ()
    """Canaries: names and prefixes that a change must go on blocking."""


class NoticeSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`[notice]`: what tells users why a site is blocked."""

    listen: Annotated[tuple[WebEndpoint, ...], Meta(min_length=1)] = (WebEndpoint("127.0.0.1", 80),)
    """The addresses that lists send names to; nothing outside reaches the default."""
    operator: str = ""
    """Who carries the blocks out, as a URI (RFC 7725 4); empty: the address that was asked."""


class ServiceSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`[service]`: where state lives and how the daemons start."""

    state: str = ""
    run: str = ""
    """Where each daemon has a directory with its control socket; empty: /run/blockd, or `run` in
    the state."""
    start_without_list: bool = False
    metrics: Endpoint = Endpoint("127.0.0.1", 9353)
    """Where metrics, health and the page are shown: a loopback address."""


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole configuration; `Config()` is the built-in one."""

    list: ListSection = ListSection()
    resolver: ResolverSection = ResolverSection()
    routes: RoutesSection = RoutesSection()
    guard: GuardSection = GuardSection()
    fetch: FetchSection = FetchSection()
    notice: NoticeSection = NoticeSection()
    service: ServiceSection = ServiceSection()


def parse(text: str, origin: str) -> Config:
    """Return the configuration that a TOML text describes.

    Args:
        text: the file's content.
        origin: the file's name, for messages.

    Raises:
        ConfigError: naming the file, the line, the key and what to write instead.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line, sentence = config_faults.syntax(text, str(error))
        raise ConfigError(f"{origin}:{line}: {sentence}") from None
    fault = config_faults.unknown(document, Config)
    if fault is None:
        try:
            config = msgspec.convert(document, Config, dec_hook=_decode, strict=True)
        except msgspec.ValidationError as error:
            fault = config_faults.invalid(document, Config, str(error), _decode)
        else:
            problem = _contradiction(config)
            if not problem:
                return config
            fault = config_faults.contradicting(problem)
    line = line_of(text, fault.path)
    raise ConfigError(
        f"{origin}:{line}: {fault.sentence}" if line else f"{origin}: {fault.sentence}"
    )


def _contradiction(config: Config) -> str:
    """Return what is wrong with values that are well formed each; empty: nothing."""
    return (
        contradiction(config.list)
        or _contradicting_resolver(config.resolver)
        or _contradicting_notice(config.notice)
        or _contradicting_service(config.service)
    )


def _contradicting_resolver(resolver: ResolverSection) -> str:
    plain = {str(endpoint) for endpoint in resolver.listen}
    both = [str(endpoint) for endpoint in resolver.listen_tls if str(endpoint) in plain]
    if both:
        return f"resolver.listen_tls: {both[0]} stands in listen too; TLS needs a port of its own"
    if resolver.action in _NEED_MORE:
        return (
            f"resolver.action: {resolver.action} needs what to answer with, which only a platform"
            " of a list can say; choose nxdomain, nodata, zero, refused or drop"
        )
    seen: dict[bytes, str] = {}
    for zone, upstreams in resolver.zones.items():
        try:
            name = names.parse(zone)
        except NameFormError as error:
            return f"resolver.zones: {error}"
        if name in seen:
            return f"resolver.zones: {zone!r} and {seen[name]!r} are the same name; keep one"
        seen[name] = zone
        if not upstreams:
            return f"resolver.zones: {zone!r} has no upstream; name at least one"
    return ""


def _contradicting_notice(notice: NoticeSection) -> str:
    if not notice.operator or is_link(notice.operator):
        return ""
    return (
        f"notice.operator: {notice.operator!r} is no URI that a person can follow; write"
        " https://..., mailto:... or tel:..., other signs than ASCII as %XX"
    )


def _contradicting_service(service: ServiceSection) -> str:
    shown = prefixes.parse(service.metrics.address)
    if any(loopback.covers(shown) for loopback in _LOOPBACK):
        return ""
    return (
        f"service.metrics: {service.metrics} is not a loopback address, and what is shown there is"
        " for this host alone; write 127.0.0.1:9353 or [::1]:9353"
    )


def _decode(kind: type[TextValue], value: object) -> TextValue:
    return kind.parse(value)
