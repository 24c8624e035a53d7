"""What the end-to-end tests find beyond the gateway: name servers, a web page, an echo.

Runs in the internet's namespace as `python -m tests.e2e.internet`, and says "ready". Page and
echo answer on every address of topology.INTERNET, so that a client can tell which it reached.
What a name holds is in the name; see `zone`.
"""

import asyncio
import contextlib
import functools
import ipaddress
import random
import socket
import struct

import dnslib

NAME_SERVERS = ("198.18.0.53", "2001:db8::53")
ADDRESSES = {"A": "198.19.0.99", "AAAA": "2001:db8::99"}
"""What every name has. Neither is on the list that is shipped."""
OTHER_SERVER = "198.18.0.54"
OTHER_ADDRESSES = {"A": "198.19.0.54", "AAAA": "2001:db8::54"}
"""A server that lives in another world, and what every name has there."""
SECONDS = 300
SLOW = 0.15
"""Seconds that an answer takes for a name with a label that begins with `slow`."""
LARGE = 200
"""Records of large.test, which no datagram holds."""

ECHO, WEB, DNS = 7, 80, 53

_IPV6_RECVPKTINFO = 49  # linux/in6.h; Python has names for none of the IPv4 ones
_IP_PKTINFO = 8
_FORMERR, _SERVFAIL = 1, 2


def zone(name, kind, addresses):
    """Return the records that a name has of a type, as lines of a zone file.

    `NAME.alias.test` is a CNAME of NAME, and `x.NAME.branch.test` lies below a DNAME that leads
    to NAME. The first label of `198-18-1-1.at.test` is its address, that of
    `198-18-1-1.hint.test` a hint in its HTTPS record. `large.test` has a large answer. Asked
    for a name with a label `fails` the server fails, and with a label `noise` it raves.
    """
    front, _, kin = name.removesuffix(".test").rpartition(".")
    if kin == "alias":
        return [f"{name} {SECONDS} CNAME {front}.", *zone(front, kind, addresses)]
    if kin == "branch":
        below, _, target = front.partition(".")
        octets = dnslib.DNSBuffer()
        octets.encode_name_nocompress(dnslib.DNSLabel(target))
        return [
            f"{target}.branch.test {SECONDS} TYPE39 \\# {len(octets.data)} {octets.data.hex()}",
            f"{name} {SECONDS} CNAME {below}.{target}.",
            *zone(f"{below}.{target}", kind, addresses),
        ]
    if kin in {"at", "hint"}:
        address = ipaddress.ip_address(front.replace("-", ":" if front[:4] == "2001" else "."))
        if kin == "hint" and kind == "HTTPS":
            return [f"{name} {SECONDS} HTTPS 1 . alpn=h2 ipv{address.version}hint={address}"]
        addresses = {"A" if address.version == 4 else "AAAA": str(address)}
    if name == "large.test" and kind == "A":
        return [f"{name} {SECONDS} A 198.19.1.{number}" for number in range(LARGE)]
    return [f"{name} {SECONDS} {kind} {addresses[kind]}"] if kind in addresses else []


def answer(packet, addresses=ADDRESSES, *, whole=False):
    """Return the reply to a query, and the seconds that it takes.

    Args:
        packet: the query.
        addresses: what names have that say nothing else.
        whole: it goes by TCP, and may be as long as it is.
    """
    try:
        return _answer(packet, addresses, whole=whole)
    except Exception:  # noqa: BLE001 - what dnslib cannot read or write gets an answer as well
        return packet[:2] + struct.pack("!H8x", 0x8180 | _FORMERR), 0


def _answer(packet, addresses, *, whole):
    asked = dnslib.DNSRecord.parse(packet)
    reply = asked.reply(ra=1, aa=0)
    name, kind = str(asked.q.qname).rstrip(".") or ".", dnslib.QTYPE[asked.q.qtype]
    lines = zone(name.lower(), kind, addresses)
    if name == "seen.test" and kind == "TXT":
        lines = [f'{name} 0 TXT "{seen(asked)}"']
    for line in lines:
        reply.add_answer(*dnslib.RR.fromZone(line))
    if len(reply.pack()) > 1200 and not whole:
        reply.rr, reply.header.tc = [], 1
    if asked.ar:
        reply.add_ar(dnslib.EDNS0(udp_len=1232))
    if b"fails" in asked.q.qname.label:
        reply.header.rcode = _SERVFAIL
    slow = any(label.startswith(b"slow") for label in asked.q.qname.label)
    octets = bytes(reply.pack())
    if b"noise" in asked.q.qname.label:
        octets = noise(octets, 12 + sum(len(label) + 1 for label in asked.q.qname.label) + 5)
    return octets, SLOW if slow else 0


def noise(octets, end):
    """Return a reply whose header and question are right and whose records are not."""
    rng = random.Random(octets[12:end])
    counts = [rng.choice((0, 1, 1, 2, 700)) for _ in range(3)]
    flags = rng.choice((0x8180, 0x8180, 0x8183, 0x8380))
    records = octets[end:]
    records = rng.choice((
        records[: rng.randrange(len(records) + 1)],
        bytes(octet ^ (rng.random() < 0.1) * rng.randrange(256) for octet in records),
        rng.randbytes(rng.randrange(200)),
        b"\xc0\x0c" * rng.randrange(200),
        b"\xc0\x0c\0\x05\0\1" + rng.randbytes(rng.randrange(40)),
    ))  # fmt: skip
    return octets[:2] + struct.pack("!HHHHH", flags, 1, *counts) + octets[12:end] + records


def seen(asked):
    """Say what a query carried besides its question, as `do ad 8`: flags and option codes."""
    opt = next((record for record in asked.ar if record.rtype == dnslib.QTYPE.OPT), None)
    words = [word for word in ("ad", "cd") if getattr(asked.header, word)]
    if opt is not None:
        words += ["do"] if opt.edns_do else []
        words += [str(option.code) for option in opt.rdata]
    return " ".join(words)


class Names(asyncio.DatagramProtocol):
    def __init__(self, addresses):
        self.addresses = addresses

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, packet, address):
        reply, seconds = answer(packet, self.addresses)
        asyncio.get_running_loop().call_later(seconds, self.transport.sendto, reply, address)


async def names_by_stream(addresses, reader, writer):
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            reply, _ = answer(await reader.readexactly(length), addresses, whole=True)
            writer.write(struct.pack("!H", len(reply)) + reply)
    writer.close()


async def page(reader, writer):
    """Say which address this is."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        await reader.readuntil(b"\r\n\r\n")
        body = writer.get_extra_info("sockname")[0].encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
    writer.close()


def echo(family):
    """Return every datagram to its sender, from the address that it was sent to."""
    sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
    sock.bind(("", ECHO))

    def readable():
        with contextlib.suppress(BlockingIOError):
            while True:
                data, extra, _, sender = sock.recvmsg(2048, 256)
                sock.sendmsg([data], extra, 0, sender)

    asyncio.get_running_loop().add_reader(sock.fileno(), readable)


async def main():
    loop = asyncio.get_running_loop()
    worlds = {**dict.fromkeys(NAME_SERVERS, ADDRESSES), OTHER_SERVER: OTHER_ADDRESSES}
    for address, world in worlds.items():
        await loop.create_datagram_endpoint(functools.partial(Names, world), (address, DNS))
        await asyncio.start_server(functools.partial(names_by_stream, world), address, DNS)
    await asyncio.start_server(page, None, WEB, backlog=1024)
    echo(socket.AF_INET)
    echo(socket.AF_INET6)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
