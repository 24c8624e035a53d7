"""A gateway whose route daemon is disturbed: start it, look at it, wait until it is right."""

import contextlib
import os
import signal
import time

from tests import topology
from tests.chaos.kernel import Kernel
from tests.chaos.world import World
from tests.e2e.gateway import Gateway, kill, until

PATIENCE = 45.0
"""Seconds until a table that is not right is a failure: more than the period of the scans."""

ANY_CHANGE = "[guard]\nmax_added = 1_000_000\nmax_removed = 1_000_000\n"
"""For the end of a configuration: lists may change as much as they like."""

_LIST = """\
[list]
authority = "Example Authority"
basis = "policy"
"""


class Site:
    """The compiler and the route daemon on a list, and the world that they ought to make."""

    def __init__(self, net, directory):
        self.space = net.gateway
        self.gateway = Gateway(net, directory)
        self.world = World(hops={4: topology.INTERNET_V4, 6: topology.INTERNET_V6})
        self.kernel = Kernel(self.space)
        self.daemon = None
        self.lingering = []
        """What was wrong at last, before everything was right."""

    def ip(self, version, *lines):
        """Run lines of `ip`; those that cannot be done are passed over."""
        argv = ("ip", f"-{version}", "-force", "-batch", "-")
        self.space.run(*argv, stdin="".join(f"{line}\n" for line in lines), check=False)

    def write_list(self):
        """Put the world's list in place."""
        by_kind = {}
        for prefix, kind in sorted(self.world.listed.items()):
            by_kind.setdefault(kind, []).append(prefix)
        text = _LIST
        for number, (kind, prefixes) in enumerate(sorted(by_kind.items())):
            route = f'route = "{kind}"\n' if kind else ""
            text += f'\n[[platform]]\nid = "p{number}"\n{route}prefixes = {prefixes}\n'
        if self.world.excepted:
            excepted = sorted(self.world.excepted)
            text += f'\n[[allow]]\nreason = "an exception"\nprefixes = {excepted}\n'
        self.gateway.put("list.toml", text)

    def set_default(self, kind):
        """Configure another type for what the list leaves open."""
        self.world.default = kind
        self.gateway.configure(routes=f'type = "{kind}"\n{ANY_CHANGE}')
        if self.daemon:
            self.daemon.send_signal(signal.SIGHUP)

    def suspend(self):
        """Have the route daemon do nothing until all is to be right again."""
        if self.daemon:
            self.daemon.send_signal(signal.SIGSTOP)

    def kill(self):
        """End the route daemon without a word."""
        if self.daemon:
            kill([self.daemon.pid])
            self.daemon = None

    def start(self):
        """Start the route daemon unless it runs, or let it go on."""
        if self.daemon is None:
            self.daemon = self.gateway.start("route")
        else:
            self.daemon.send_signal(signal.SIGCONT)

    def wrong(self):
        """Return, in words, what is not as it ought to be at this moment."""
        return self.world.wrong(self.kernel.routes(), self.kernel.rules())

    def settle(self):
        """Wait until everything is right; return the seconds that this took."""
        started = time.monotonic()
        self.start()
        while wrong := self.wrong():
            assert self.daemon.poll() is None, f"the daemon ended\n{self.gateway.said()}"
            if time.monotonic() - started > PATIENCE:
                said = "\n".join(self.gateway.said().splitlines()[-30:])
                raise AssertionError("\n".join([*wrong[:20], f"{len(wrong)} wrong", said]))
            self.lingering = wrong
            time.sleep(0.001 if time.monotonic() - started < 0.2 else 0.05)
        took = time.monotonic() - started
        until(lambda: self.gateway.ask("routes"), self.gateway.said)
        return took

    def processor_seconds(self):
        """Return what the daemon has used so far, in user and system time."""
        with open(f"/proc/{self.daemon.pid}/stat") as stat:  # noqa: PTH123 - read often
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.kernel.close()
        self.gateway.stop()


@contextlib.contextmanager
def running(net, directory, listed):
    """Run the compiler and the route daemon on listed prefixes until the block ends."""
    site = Site(net, directory)
    try:
        site.world.listed = dict(listed)
        site.gateway.prepare({}, routes=ANY_CHANGE)
        site.write_list()
        site.gateway.start("watch")
        site.settle()
        yield site
    finally:
        site.stop()
