"""What setup knows of a host: all that its plans are made of, and what follows at once. Pure."""

import posixpath
from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct

from blockd.config import Config, Endpoint
from blockd.doctor.dns import Listener, clash
from blockd.setup import layout, sockets
from blockd.setup.record import Record, digest
from blockd.setup.steps import Document, Kind, Link, Tree

RESOLVED = "systemd-resolve"
"""systemd-resolved, as far as the kernel keeps its name: proc(5)."""


class UnitState(NamedTuple):
    """What systemd says of a unit."""

    file: str = ""
    """UnitFileState: `enabled`, `disabled`, `masked`; empty: it is not installed."""
    state: str = "inactive"
    """ActiveState."""
    started: float = 0.0
    """When it became active, in seconds since 1970."""
    stale: bool = False
    """Whether its file has changed since systemd read it."""

    @property
    def enabled(self) -> bool:
        """Tell whether it starts at boot."""
        return self.file.startswith("enabled")

    @property
    def active(self) -> bool:
        """Tell whether it is up."""
        return self.state in {"active", "reloading"}

    @property
    def down(self) -> bool:
        """Tell whether it is neither up nor on its way."""
        return not self.active and self.state != "activating"


class Holder(NamedTuple):
    """Somebody else's socket on a port of the resolver."""

    transport: str
    place: Endpoint
    program: str
    """Empty: only root can see who it is."""
    unit: str
    """The systemd unit that it belongs to; empty: none."""


class Facts(Struct, frozen=True, kw_only=True):
    """A host as it is found."""

    tree: Tree
    """Whatever stands at a path that setup may change, and the directories above."""
    record: Record = Record()
    config: Config = Config()
    program: str = layout.PROGRAM
    """What the units are to start."""
    obstacle: str = ""
    """Why services could not reach the program, with the remedy; empty: they can."""
    installed: float = 0.0
    """When the program was installed, in seconds since 1970."""
    origin: str = ""
    """The directory of what came with the program."""
    shipped: Mapping[str, bytes] = {}
    """What is for systemd, by path below `systemd` there."""
    examples: Mapping[str, bytes] = {}
    """Lists and files for monitoring, by path below."""
    documents: Mapping[str, Document] = {}
    """What else is installed, by path: manual pages, completions."""
    booted: bool = True
    """Whether systemd runs here."""
    users: frozenset[str] = frozenset()
    """The names of all users and groups."""
    units: Mapping[str, UnitState] = {}
    changed: Mapping[str, float] = {}
    """By unit, when setup's own files of it were last changed, in seconds since 1970."""
    drop_ins: Mapping[str, tuple[str, ...]] = {}
    """By socket unit, the texts of its drop-ins by other hands."""
    listeners: tuple[Listener, ...] = ()
    owners: Mapping[str, str] = {}
    """By a program of these, as `name (pid)`, its unit."""
    resolved_servers: str = ""
    """The resolv.conf of the servers that systemd-resolved asks; empty: it does not run."""
    resolv_conf: str = ""
    """What /etc/resolv.conf says, through a link."""
    resolv_conf_before: str = ""
    """What it said before setup, which may be now."""
    networkd: bool = False
    """Whether systemd-networkd is installed."""
    verifies: bool = True
    """Whether what `blockd verify` needs for names is installed."""
    listed: bool = False
    """Whether there is anything to enforce."""
    unfetched: bool = False
    """Whether a list with a URL has never been fetched."""
    generation: bool = False
    """Whether a list has been compiled before."""
    routes_left: bool = False
    """Whether the kernel has routes or rules of blockd's."""

    @property
    def packaged(self) -> bool:
        """Tell whether units, users and directories are a package's business."""
        return layout.PACKAGED in self.tree

    def unit_text(self, name: str) -> str:
        """Return the text of a unit, by whomever it is installed."""
        if self.packaged:
            return self.text(layout.PACKAGED.replace(layout.COMPILER, name))
        return self.shipped.get(name, b"").decode()

    def text(self, path: str) -> str:
        """Return a file's content; empty: it is none."""
        found = self.tree.get(path)
        is_file = found is not None and found.kind is Kind.FILE
        return found.content.decode("utf-8", "replace") if found and is_file else ""

    def is_written(self, path: str) -> bool:
        """Tell whether a file is still as setup wrote it."""
        found = self.tree.get(path)
        known = self.record.written.get(path, ())
        return found is not None and found.kind is Kind.FILE and digest(found.content) in known

    @property
    def links(self) -> bool:
        """Tell whether the link on the PATH is still as setup made it."""
        target = self.record.link or self.program
        return self.record.linked and Link(layout.LINK, target).is_done(self.tree)

    @property
    def leftovers(self) -> list[str]:
        """Return the directories that a run which was killed has left beside what it wrote."""
        return sorted(
            path
            for path, node in self.tree.items()
            if node.kind is Kind.DIRECTORY and posixpath.basename(path).startswith(layout.BESIDE)
        )

    @property
    def elsewhere(self) -> list[str]:
        """Return the state and spool that the configuration has in places of its own."""
        named = (self.config.service.state, self.config.fetch.spool)
        usual = (f"{layout.STATE}/", f"{layout.SPOOL}/")
        found = dict.fromkeys(each.rstrip("/") for each in named)
        return [each for each in found if each in self.tree and not f"{each}/".startswith(usual)]

    @property
    def stale(self) -> bool:
        """Whether systemd has yet to read a unit of blockd's anew."""
        if any(state.stale for name, state in self.units.items() if name.startswith("blockd")):
            return True
        names = layout.unit_names(self.shipped)
        return any(f"{layout.UNITS}/{n}" in self.tree and not self.unit(n).file for n in names)

    def unit(self, name: str) -> UnitState:
        """Return what systemd says of a unit."""
        return self.units.get(name, UnitState())

    def is_bound(self, address: sockets.Bound) -> bool:
        """Tell whether somebody, who may be blockd, listens there."""
        transport, place = address
        return any(
            (held.transport, held.address, held.port) == (transport, place.address, place.port)
            for held in self.listeners
        )

    def holders(self) -> list[Holder]:
        """Return who else is on the addresses of the resolver."""
        found = []
        for held in self.listeners:
            wanted = any(
                each.transport == held.transport and clash(each.place, held)
                for each in sockets.wanted(self.config)[layout.SOCKET]
            )
            if wanted and not self._is_ours(held):
                # systemd holds the sockets of others too, besides them.
                whose = [each for each in held.programs if each != "systemd (1)"]
                who = next(iter(whose or held.programs), "")
                name = who.rpartition(" (")[0]
                place = Endpoint(held.address, held.port)
                found.append(Holder(held.transport, place, name, self.owners.get(who, "")))
        return found

    def _is_ours(self, held: Listener) -> bool:
        if any(each.startswith("blockd") for each in held.programs):
            return True
        # Its sockets are systemd's own while the resolver does not run.
        return "systemd (1)" in held.programs and self.unit(layout.SOCKET).active
