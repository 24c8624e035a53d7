"""The servers under measurement: how each is configured and started. One thread, no logs."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

STUB_PORT = 5399
SERVER_CORE, LOAD_CORE = "1", "0"


class Server(NamedTuple):
    """A running server."""

    name: str
    port: int
    process: "subprocess.Popen[bytes]"

    @property
    def pid(self) -> int:
        return self.process.pid

    def cpu(self) -> tuple[float, float]:
        """Return the CPU seconds that it and its children have used, user's and system's."""
        user, system = zip(*(_cpu(pid) for pid in _tree(self.pid)), strict=True)
        return sum(user), sum(system)

    def memory(self) -> tuple[float, float]:
        """Return its resident and proportional memory in MB."""
        rss = pss = 0.0
        for pid in _tree(self.pid):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Rss:"):
                    rss += int(line.split()[1]) / 1024
                elif line.startswith("Pss:"):
                    pss += int(line.split()[1]) / 1024
        return rss, pss

    def stop(self) -> None:
        """End it, and wait."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def dropped(port: int) -> int:
    """Return the datagrams to and from a port that a full socket lost: proc(5), /proc/net/udp."""
    lines = Path("/proc/net/udp").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    ends = f"{port:04X}"
    return sum(int(each[-1]) for each in fields if ends in (each[1][-4:], each[2][-4:]))


def _tree(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(below for child in children for below in _tree(int(child)))]


def _cpu(pid: int) -> tuple[float, float]:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = os.sysconf("SC_CLK_TCK")
    return int(fields[11]) / ticks, int(fields[12]) / ticks


def start(
    name: str, argv: Sequence[str], port: int, directory: Path, package: Path | None = None
) -> Server:
    """Start a server on the servers' core; its output goes to a file beside its configuration."""
    path = {"PYTHONPATH": str(package)} if package is not None else {}
    with (directory / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            ["taskset", "-c", SERVER_CORE, *argv],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory,
            env={**os.environ, **path},
        )  # fmt: skip
    return Server(name, port, process)


def stub(directory: Path) -> Server:
    """Start the upstream that all servers forward to: every name has one address.

    It shares its core with the load: what comes while it has to wait is not to be lost there.
    """
    text = f"""server:
  interface: 127.0.0.1@{STUB_PORT}
  do-daemonize: no
  username: ""
  chroot: ""
  pidfile: ""
  directory: "{directory}"
  use-syslog: no
  verbosity: 0
  so-rcvbuf: 4m
  local-zone: "." redirect
  local-data: ". 3600 IN A 198.18.0.99"
"""
    (directory / "stub.conf").write_text(text)
    with (directory / "stub.log").open("wb") as log:
        process = subprocess.Popen(
            ["taskset", "-c", LOAD_CORE, "unbound", "-d", "-c", str(directory / "stub.conf")],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    return Server("stub", STUB_PORT, process)


def blockd(names: list[str], directory: Path, package: Path | None = None) -> Server:
    """Compile the list, then start the resolver: the sources here, or an unpacked wheel."""
    name, port = ("blockd", 5301) if package is not None else ("blockd-pure", 5307)
    rules = directory / "rules"
    rules.mkdir(exist_ok=True)
    (rules / "names.txt").write_text("".join(f"{name}\n" for name in names))
    config = directory / "blockd.toml"
    config.write_text(f"""[list]
paths = ["{rules}"]
[resolver]
listen = ["127.0.0.1:{port}"]
upstreams = ["127.0.0.1:{STUB_PORT}"]
[routes]
enabled = false
""")
    common = blockd_command(directory)
    began = time.monotonic()
    subprocess.run([*common, "compile"], check=True, stdout=subprocess.DEVNULL)
    print(f"blockd compile, {len(names)} names: {time.monotonic() - began:.2f} s", flush=True)
    return start(name, [*common, "resolve"], port, directory, package)


def blockd_command(directory: Path) -> list[str]:
    """Return the command that every verb of this run begins with."""
    setting = ["--config", str(directory / "blockd.toml"), "--state", str(directory / "state")]
    return [sys.executable, "-m", "blockd", *setting]


def unbound(names: list[str], directory: Path) -> Server:
    zones = "".join(f'  local-zone: "{name}" always_nxdomain\n' for name in names)
    (directory / "unbound.conf").write_text(f"""server:
  interface: 127.0.0.1@5302
  do-daemonize: no
  username: ""
  chroot: ""
  pidfile: ""
  directory: "{directory}"
  use-syslog: no
  num-threads: 1
  module-config: "iterator"
  do-not-query-localhost: no
  local-zone: "test." nodefault
  local-zone: "example." nodefault
{zones}
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{STUB_PORT}
""")
    argv = ["unbound", "-d", "-c", str(directory / "unbound.conf")]
    return start("unbound", argv, 5302, directory)


def dnsdist(names: list[str], directory: Path) -> Server:
    (directory / "names.txt").write_text("".join(f"{name}\n" for name in names))
    (directory / "dnsdist.conf").write_text(f"""
setLocal("127.0.0.1:5303")
newServer({{address="127.0.0.1:{STUB_PORT}", healthCheckMode="up"}})
setACL({{"127.0.0.0/8"}})
smn = newSuffixMatchNode()
for line in io.lines("{directory}/names.txt") do smn:add(newDNSName(line)) end
addAction(SuffixMatchNodeRule(smn), RCodeAction(DNSRCode.NXDOMAIN))
pc = newPacketCache(100000)
getPool(""):setCache(pc)
setSecurityPollSuffix("")
""")
    argv = ["dnsdist", "--supervised", "--disable-syslog", "-C", str(directory / "dnsdist.conf")]
    return start("dnsdist", argv, 5303, directory)


def dnsmasq(names: list[str], directory: Path) -> Server:
    lines = "".join(f"address=/{name}/\n" for name in names)
    (directory / "dnsmasq.conf").write_text(f"""port=5304
listen-address=127.0.0.1
bind-interfaces
no-resolv
no-hosts
cache-size=10000
dns-forward-max=1000
server=127.0.0.1#{STUB_PORT}
user=root
pid-file=
{lines}""")
    argv = ["dnsmasq", "--keep-in-foreground", f"--conf-file={directory}/dnsmasq.conf"]
    return start("dnsmasq", argv, 5304, directory)


def _rpz(names: list[str], path: Path) -> None:
    with path.open("w", encoding="ascii") as file:
        file.write("$TTL 60\n@ SOA localhost. nobody.invalid. 1 3600 600 86400 60\n")
        file.write("@ NS localhost.\n")
        for name in names:
            file.write(f"{name} CNAME .\n*.{name} CNAME .\n")


def recursor(names: list[str], directory: Path) -> Server:
    _rpz(names, directory / "recursor.zone")
    (directory / "rpz.lua").write_text(
        f'rpzFile("{directory}/recursor.zone", {{policyName="rpz"}})\n'
    )
    argv = [
        "pdns_recursor", "--config-dir=/nonexistent", "--local-address=127.0.0.1",
        "--local-port=5305", "--threads=1", "--dnssec=off", "--quiet=yes",
        f"--forward-zones-recurse=.=127.0.0.1:{STUB_PORT}", f"--socket-dir={directory}",
        f"--lua-config-file={directory}/rpz.lua", "--daemon=no", "--write-pid=no",
        "--disable-syslog=yes", "--security-poll-suffix=", "--dont-query=",
    ]  # fmt: skip
    return start("pdns-recursor", argv, 5305, directory)


def bind(names: list[str], directory: Path) -> Server:
    _rpz(names, directory / "bind.zone")
    (directory / "named.conf").write_text(f"""
options {{
  directory "{directory}"; pid-file none; session-keyfile none;
  listen-on port 5306 {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  recursion yes; allow-query {{ any; }}; dnssec-validation no;
  forward only; forwarders {{ 127.0.0.1 port {STUB_PORT}; }};
  response-policy {{ zone "rpz" log no; }} qname-wait-recurse no;
}};
controls {{ }};
logging {{ category default {{ null; }}; }};
zone "rpz" {{ type primary; file "{directory}/bind.zone"; }};
""")
    argv = ["named", "-f", "-n", "1", "-c", str(directory / "named.conf")]
    return start("bind", argv, 5306, directory)


ALL: dict[str, tuple[str, Callable[[list[str], Path], Server]]] = {
    "blockd-pure": ("python3", blockd),
    "unbound": ("unbound", unbound),
    "dnsdist": ("dnsdist", dnsdist),
    "pdns-recursor": ("pdns_recursor", recursor),
    "dnsmasq": ("dnsmasq", dnsmasq),
    "bind": ("named", bind),
}
"""Each server's program, by which it is found, and how it is started."""


def found(servers: Mapping[str, tuple[str, Callable[[list[str], Path], Server]]]) -> list[str]:
    """Return the names of those that are installed here."""
    return [name for name, (program, _) in servers.items() if shutil.which(program)]
