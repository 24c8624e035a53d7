"""What the end-to-end tests find beyond the gateway: a name server, a web page, an echo.

Runs in the internet's namespace as `python -m tests.e2e.internet`, and says "ready". Page and
echo answer on every address of topology.INTERNET, so that a client can tell which it reached.
"""

import asyncio
import contextlib
import socket
import struct

import dnslib

NAME_SERVERS = ("198.18.0.53", "2001:db8::53")
ADDRESSES = {"A": "198.19.0.99", "AAAA": "2001:db8::99"}
"""What every name has. Neither is on the list that is shipped."""
SECONDS = 300
SLOW = 0.15
"""Seconds that an answer takes for a name with a label that begins with `slow`."""

ECHO, WEB, DNS = 7, 80, 53

_IPV6_RECVPKTINFO = 49  # linux/in6.h; Python has names for none of the IPv4 ones
_IP_PKTINFO = 8


def answer(packet):
    """Return the reply to a query, and the seconds that it takes."""
    asked = dnslib.DNSRecord.parse(packet)
    reply = asked.reply(ra=1, aa=0)
    kind = dnslib.QTYPE[asked.q.qtype]
    if kind in ADDRESSES:
        reply.add_answer(*dnslib.RR.fromZone(f"{asked.q.qname} {SECONDS} {kind} {ADDRESSES[kind]}"))
    slow = any(label.startswith(b"slow") for label in asked.q.qname.label)
    return bytes(reply.pack()), SLOW if slow else 0


class Names(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, packet, address):
        with contextlib.suppress(dnslib.DNSError):  # a name that dnslib cannot hold
            reply, seconds = answer(packet)
            asyncio.get_running_loop().call_later(seconds, self.transport.sendto, reply, address)


async def names_by_stream(reader, writer):
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            reply, _ = answer(await reader.readexactly(length))
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
    for address in NAME_SERVERS:
        await loop.create_datagram_endpoint(Names, local_addr=(address, DNS))
        await asyncio.start_server(names_by_stream, address, DNS)
    await asyncio.start_server(page, None, WEB, backlog=1024)
    echo(socket.AF_INET)
    echo(socket.AF_INET6)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
