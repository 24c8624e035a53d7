"""The checks as one examination: what each reads, what none of them asks twice, who fails alone."""

import contextlib
import shutil
import socket
import threading
from datetime import UTC, datetime
from types import SimpleNamespace

import msgspec
import pytest

from blockd import prefixes
from blockd.config import Config, Endpoint, ListSection, ResolverSection, RoutesSection
from blockd.doctor import examine, proc
from blockd.doctor.examine import CHECKS, Examined, Patient
from blockd.doctor.finding import Finding, UnseenError
from blockd.errors import KernelError, StoreError
from blockd.policy.publish import publish
from blockd.policy.store import Store
from blockd.routes.model import FibRule

ROUTES = RoutesSection(enabled=True)
LIST = """\
[[platform]]
id = "p"
domains = ["a.example"]
prefixes = ["198.18.1.0/28", "2001:db8:1::/48", "2001:db8:2::/48"]
[[allow]]
reason = "x"
prefixes = ["2001:db8:1:1::/64"]
"""


class Host(Patient):
    """A patient whose kernel tables are given; without any it must not be asked for them."""

    def __init__(self, tmp_path, *, kernel=None, sockets=(), **sections):
        super().__init__(Config(**sections), Store(tmp_path / "state"), dict(sockets))
        self.root = tmp_path / "root"
        self._kernel = kernel

    def kernel(self):
        if self._kernel is None:
            raise KernelError("nobody may ask")
        return contextlib.nullcontext(SimpleNamespace(**self._kernel))

    def put(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def published(patient, tmp_path):
    (tmp_path / "a.toml").write_text(LIST)
    config = Config(list=ListSection(paths=(str(tmp_path / "a.toml"),)))
    publish(patient.store, config, datetime(2026, 3, 1, tzinfo=UTC))
    return patient


@pytest.mark.parametrize("error", [UnseenError("nft is gone"), StoreError("torn"), OSError("odd")])
def test_a_check_that_cannot_look_says_why_and_stops_no_other(tmp_path, monkeypatch, error):
    def fails(_):
        raise error

    found = [Finding("it is so", "do this")]
    checks = {"first": lambda _: found, "second": fails, "third": lambda _: iter(found)}
    monkeypatch.setattr(examine, "CHECKS", checks)
    assert examine.examine(Host(tmp_path)) == [
        Examined(check="first", findings=found),
        Examined(check="second", unseen=str(error)),
        Examined(check="third", findings=found),
    ]


def test_a_mistake_in_a_check_is_not_passed_off_as_something_unseen(tmp_path, monkeypatch):
    monkeypatch.setattr(examine, "CHECKS", {"first": lambda _: {}["first"]})
    with pytest.raises(KeyError):
        examine.examine(Host(tmp_path))


@pytest.mark.parametrize("name", ["networkd", "rules ahead", "flowtables", "rp_filter"])
def test_where_no_routes_are_made_nothing_is_asked_about_them(tmp_path, monkeypatch, name):
    monkeypatch.setattr(shutil, "which", lambda *_, **__: pytest.fail("nft was looked for"))
    patient = Host(tmp_path, routes=RoutesSection(enabled=False))
    patient.put("run/systemd/netif/state", "")
    assert CHECKS[name](patient) == []


def test_a_networkd_beside_the_routes_is_found_in_its_files(tmp_path):
    patient = Host(tmp_path, routes=ROUTES)
    assert CHECKS["networkd"](patient) == []
    patient.put("run/systemd/netif/state", "")
    assert len(CHECKS["networkd"](patient)) == 1


def test_rules_are_the_kernels(tmp_path):
    ours = FibRule(4, ROUTES.preference, ROUTES.table, ROUTES.protocol, plain=True)
    ahead = FibRule(4, 1, 254, 4, plain=True)
    patient = Host(tmp_path, routes=ROUTES, kernel={"rules": lambda: [ahead, ours]})
    assert len(CHECKS["rules ahead"](patient)) == 1


LOOPS = [
    ("nameserver 198.18.0.1\n", ["198.18.0.1"]),
    ("nameserver 198.18.0.9\n", []),
    ("nameserver 198.18.0.0\n", []),  # a network's address is none of the host's
    ("", ["nobody to forward to"]),
    (None, ["nobody to forward to"]),
]


@pytest.mark.parametrize(("text", "said"), LOOPS)
def test_only_the_hosts_own_addresses_close_a_loop(tmp_path, text, said):
    facts = {
        prefixes.parse("198.18.0.1/32"): "address of this host (eth0)",
        prefixes.parse("198.18.0.9/32"): "gateway",
        prefixes.parse("198.18.0.0/24"): "connected network",
    }
    patient = Host(
        tmp_path,
        kernel={"host_facts": lambda: facts},
        resolver=ResolverSection(listen=(Endpoint("0.0.0.0"),)),
    )
    if text is not None:
        patient.put("etc/resolv.conf", text)
    found = [each.what for each in CHECKS["resolv.conf loop"](patient)]
    assert len(found) == len(said)
    assert all(part in what for part, what in zip(said, found, strict=True))


@contextlib.contextmanager
def answering(path, status):
    """A control socket; yields the list of those who asked."""
    asked = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    client, _ = server.accept()
                    with client:
                        asked.append(client)
                        client.sendall(msgspec.json.encode(status) + b"\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield asked
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def test_a_daemon_is_asked_once_for_all_checks(tmp_path):
    path, silent = tmp_path / "resolver.sock", tmp_path / "routes.sock"
    status = {"generation": 3, "problem": "it is late"}
    with answering(path, status) as asked:
        patient = Host(tmp_path, sockets={"resolver": path, "routes": silent})
        assert patient.answers == {"resolver": status, "routes": None}
        (said,) = CHECKS["reported"](patient)
        (down,) = CHECKS["daemons"](patient)
        assert len(asked) == 1
    assert said.what.endswith("it is late")
    assert down.what == "the route daemon does not run: it has no control socket"


def test_a_socket_that_nobody_answers_on_is_named(tmp_path):
    path = tmp_path / "resolver.sock"
    path.touch()
    (down,) = CHECKS["daemons"](Host(tmp_path, sockets={"resolver": path}))
    assert str(path) in down.what


def test_without_a_generation_the_checks_of_the_list_have_nothing_to_look_at(tmp_path):
    patient = Host(tmp_path)
    patient.store.state.mkdir()
    assert patient.record is None
    assert CHECKS["expiry"](patient) == []
    assert len(CHECKS["generation"](patient)) == 1
    assert all(isinstance(each, Finding) for each in CHECKS["disk"](patient))


def test_a_generation_whose_file_is_gone_leaves_the_disk_unseen(tmp_path):
    patient = published(Host(tmp_path), tmp_path)
    patient.store.generation_path(1).unlink()
    with pytest.raises(UnseenError, match=r"00000001\.mdb: No such file"):
        CHECKS["disk"](patient)


@pytest.mark.parametrize(
    ("off", "enabled", "said"),
    [(1, True, ["the list has 2 prefixes"]), (1, False, []), (0, True, []), (None, True, ["2"])],
)
def test_ipv6_is_missed_for_prefixes_that_would_be_routed(
    tmp_path, monkeypatch, off, enabled, said
):
    monkeypatch.setattr(proc, "setting", lambda _: off)
    listen = ResolverSection(listen=(Endpoint("127.0.0.1"),))
    routes = RoutesSection(enabled=enabled)
    patient = published(Host(tmp_path, routes=routes, resolver=listen), tmp_path)
    found = [each.what for each in CHECKS["ipv6"](patient)]
    assert len(found) == len(said)
    assert all(part in what for part, what in zip(said, found, strict=True))
