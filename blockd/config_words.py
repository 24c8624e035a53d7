"""What each key of the configuration means, in words for operators, and an example of it. Pure.

The one source of these sentences: messages about mistakes, the example configuration and
blockd.toml(5) are made of them, and a test holds them complete and true. Which keys there are and
what they may hold is the business of `config` and `listing`.
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from blockd.values import toml

SOURCE = "list.source"
"""The name of the tables `[[list.source]]`, which stand there as often as there are sources."""


class Said(NamedTuple):
    """What is told about a key."""

    text: str
    """A sentence or two for an operator."""
    example: str = ""
    """A value as TOML, where the default shows nothing of its form."""


SECTIONS: Mapping[str, str] = {
    "list": "Where the watched list comes from.",
    "resolver": "The sinkhole resolver: whom it serves, whom it asks, and what it answers.",
    "routes": "The null routes in the kernel.",
    "guard": "Limits against blocking too much. What is beyond one changes nothing.",
    "fetch": "How `blockd fetch` gets the sources that have a URL.",
    "notice": "What tells users by HTTP why a site is blocked: `blockd notice`.",
    "service": "Where state lives, and how the daemons start.",
    SOURCE: "One file, directory or URL, and what holds for it alone.",
}
"""What each section is about, in their order; the tables of sources come last."""

TEXTS: Mapping[str, Mapping[str, Said]] = {
    "list": {
        "paths": Said(
            "Files, and directories of which every list file counts, but not what lies in"
            " directories below. Their order is that of response policy zones."
        ),
        "source": Said("Tables that say more about one source each; see [[list.source]]."),
    },
    "resolver": {
        "listen": Said(
            "Addresses that answer DNS over UDP and TCP; the port is 53 where none is given. Under"
            " systemd the socket unit binds them, and has to name the same."
        ),
        "upstreams": Said(
            "Resolvers to forward to: ADDRESS or ADDRESS:PORT (UDP, and TCP where needed),"
            " tcp://ADDRESS, or tls://ADDRESS#NAME with the name that its certificate is for."
            " Empty: the servers of /etc/resolv.conf.",
            '["198.18.0.53", "tls://198.18.0.55#dns.example"]',
        ),
        "strategy": Said(
            "Which upstream is asked: the fastest one, the first in their order that is not silent"
            " (ordered), or up to three at once (parallel)."
        ),
        "zones": Said(
            "Names that have upstreams of their own, with all that is below them.",
            '{ "corp.example" = ["10.0.0.53"] }',
        ),
        "allow": Said("Prefixes of the clients that may ask; `denied` says what others get."),
        "action": Said(
            "How a listed name is answered where its list does not say: nxdomain, nodata, zero"
            " (0.0.0.0 and ::), refused, drop (not at all) or tcp-only."
        ),
        "ttl": Said("For how many seconds a client may keep such an answer; at most a week."),
        "cache": Said("The most memory that kept answers take, in each worker."),
        "stale": Said(
            "How long past its time an answer is still given while the upstreams fail; 0s is never."
        ),
        "denied": Said("What other clients get: refuse (REFUSED, with the reason) or drop."),
        "rate_limit": Said(
            "Queries a second over UDP from one IPv4 /24 or IPv6 /56, in each worker; what is"
            " beyond is told to come by TCP, or dropped. Loopback has no limit, and 0 is none."
        ),
        "check_cname": Said(
            "Whether an answer is blocked whose CNAME, DNAME or SVCB records lead to a listed name."
        ),
        "check_addresses": Said(
            "Whether an answer is blocked that holds a listed address, hints of HTTPS and SVCB"
            " records included."
        ),
        "case_randomization": Said(
            "Ask upstreams in random case, which is harder to forge; some cannot take it."
        ),
        "client_subnet": Said(
            "Pass a client's own subnet option on to the upstreams; blockd never adds one."
        ),
        "workers": Said("Processes that answer; each takes a processor of its own when busy."),
        "listen_tls": Said(
            "Addresses that answer DNS over TLS; the port is 853 where none is given. They need"
            " `certificate` and `key`.",
            '["0.0.0.0:853", "[::]:853"]',
        ),
        "certificate": Said(
            "A PEM file with the certificate and its chain; SIGHUP has it read again.",
            '"/etc/blockd/dns.pem"',
        ),
        "key": Said(
            "A PEM file with the certificate's private key, readable for the user blockd-resolver.",
            '"/etc/blockd/dns.key"',
        ),
    },
    "routes": {
        "enabled": Said(
            "Whether listed prefixes are null-routed; false leaves the resolver alone."
        ),
        "table": Said(
            "The number of the routing table; the next one belongs to blockd too, for complete"
            " replacements."
        ),
        "preference": Said(
            "The preference of the rule that has the table looked up; rules with a lower one come"
            " before it."
        ),
        "protocol": Said("The protocol number that marks routes and rules as blockd's own."),
        "type": Said(
            "What a packet meets where its list does not say: blackhole (nothing is told),"
            " unreachable or prohibit (an ICMP error)."
        ),
        "protect": Said(
            "Prefixes that are never null-routed, whatever a list says: the far ends of tunnels,"
            " and where you log in from. Own addresses, networks, next hops and upstreams are cut"
            " out without being named.",
            '["198.19.0.0/28"]',
        ),
        "withdraw_on_stop": Said(
            "Whether stopping the unit withdraws the routes; a restart, a crash and a shutdown"
            " never do."
        ),
    },
    "guard": {
        "shortest_v4": Said("The widest IPv4 prefix that a list may name, as its length."),
        "shortest_v6": Said("The widest IPv6 prefix that a list may name, as its length."),
        "max_added": Said(
            "The most names, and the most prefixes, that one change may block anew: a number, or a"
            " share of those in force. The first load and expiry are exempt; `blockd compile"
            " --accept` confirms more."
        ),
        "max_removed": Said("The most that one change may lift, likewise."),
        "budget": Said(
            "How many bad entries a feed may have before it is refused: a number, or a share of its"
            " entries. A native list may have none."
        ),
        "require": Said(
            "What every platform, and every feed, has to say: any of reference, expires, authority"
            " and contact. Of feeds `expires` is not asked.",
            '["reference", "authority"]',
        ),
        "never": Said(
            "Names and prefixes that no list may block, nor anything below or within, and paths of"
            " files that hold one a line. Upstreams of tls:// and the hosts of lists are among"
            " them anyway.",
            '["bank.example", "=www.example", "198.18.200.0/24", "/etc/blockd/never.txt"]',
        ),
        "must_resolve": Said(
            "Canaries: names and prefixes of which a change may block nothing.",
            '["www.bank.example", "198.18.200.1"]',
        ),
        "must_block": Said(
            "Canaries: names and prefixes that a change must go on blocking.",
            '["canary.blockd.test"]',
        ),
    },
    "fetch": {
        "spool": Said("The directory that `blockd fetch` writes and the compiler reads."),
        "ca": Said(
            "A PEM file of certificate authorities to trust in place of the system's.",
            '"/etc/blockd/authorities.pem"',
        ),
        "largest": Said("The most that one list may have, as it is sent."),
        "timeout": Said("How long one list may take, from the first packet to the last."),
    },
    "notice": {
        "listen": Said(
            "Addresses that answer HTTP; the port is 80 where none is given. Lists send names to"
            ' them with action = "address". Under systemd the socket unit binds them, and has to'
            " name the same.",
            '["10.53.0.1"]',
        ),
        "operator": Said(
            "Who carries the blocks out, as a URI: a page or a mailbox of yours, which every notice"
            " names. Empty: the address that was asked.",
            '"https://isp.example/blocking"',
        ),
    },
    "service": {
        "state": Said(
            "The directory of the generations. Empty: systemd's $STATE_DIRECTORY, /var/lib/blockd"
            " where /etc/blockd/blockd.toml exists, else `blockd` in $XDG_STATE_HOME, which is"
            " ~/.local/state where it is not set. The option --state comes before all.",
            '"/var/lib/blockd"',
        ),
        "run": Said(
            "The directory of the control sockets. Empty: /run/blockd for the state in"
            " /var/lib/blockd, else `run` in the state.",
            '"/run/blockd"',
        ),
        "start_without_list": Said(
            "Before there is a first list, forward every question instead of waiting for it."
        ),
        "metrics": Said(
            "Where `blockd web` shows metrics, health and the page: an address of loopback."
        ),
    },
    SOURCE: {
        "action": Said(
            "In place of what the source says: given (as it says), nxdomain, nodata, drop,"
            " tcp-only, passthru (all of it is an exception), disabled, or cname NAME.",
            '"cname garden.example"',
        ),
        "format": Said(
            "native, domains, hosts, adblock, dnsmasq, unbound, rpz, csv or addresses. Without it"
            " the file's name and content tell.",
            '"hosts"',
        ),
        "enforce": Said("False: it is compiled, matched and counted, and blocks nothing."),
        "authority": Said(
            "On whose word it stands. This and the next three hold where a feed does not say it.",
            '"Example Authority"',
        ),
        "basis": Said(
            "order (imposed), policy (your own) or request (the users' own), which answers to"
            " clients say. A feed without it has policy.",
            '"order"',
        ),
        "reference": Said("The document that it stands on.", '"Notice 2018/124"'),
        "contact": Said("Whom to ask, as a URI.", '"mailto:desk@authority.example"'),
        "path": Said(
            "A file, or a directory whose list files are taken. A source has this or `url`.",
            '"/srv/lists/partner.rpz"',
        ),
        "url": Said(
            "Where `blockd fetch` gets it from; https alone.",
            '"https://lists.example/blocked.txt"',
        ),
        "budget": Said("Bad entries that it may have, in place of [guard] budget.", '"5%"'),
        "key": Said(
            "A public key of minisign's, or an array of several: the source counts only when one of"
            " them has signed it.",
            '"RWQRdCvHSwcM69dQwXmg1hpst+YZFOSPafkJrL7Gwq8s/tnt78qpzpBV"',
        ),
    },
}


def default(section: str, field: msgspec.structs.FieldInfo) -> str:
    """Return a key's default as TOML; empty: no value stands for what holds without it."""
    value = field.default
    if value is msgspec.NODEFAULT:
        value = field.default_factory()  # every key has a default, as `Config()` shows
    written = "" if value is None else toml(value)
    return "" if section == SOURCE and written == '""' else written


def example(section: str, field: msgspec.structs.FieldInfo) -> str:
    """Return what an operator might write for a key, as TOML; empty: there is nothing to show."""
    return TEXTS[section][field.name].example or default(section, field)
