"""The unit files, judged by systemd's own programs; nothing here needs a running systemd."""

import json
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from blockd.config import Config

UNITS = Path(__file__).parents[2] / "systemd"
PROGRAM = "/opt/blockd/bin/blockd"
NOTICE, NOTICE_SOCKET = "blockd-notice.service", "blockd-notice.socket"
DAEMONS = (
    "blockd.service", "blockd-resolver.service", "blockd-routes.service", NOTICE,
    "blockd-web.service",
)  # fmt: skip
FETCH, TIMER = "blockd-fetch.service", "blockd-fetch.timer"
VERIFY, VERIFY_TIMER = "blockd-verify.service", "blockd-verify.timer"
SERVICES = (DAEMONS[0], FETCH, VERIFY, *DAEMONS[1:])
SOCKET = "blockd-resolver.socket"
OTHERS = ("sysusers.d/blockd.conf", "tmpfiles.d/blockd.conf", "networkd.conf.d/blockd.conf")
USERS = {
    "blockd.service": "blockd",
    "blockd-resolver.service": "blockd-resolver",
    "blockd-routes.service": "blockd-routes",
    NOTICE: "blockd-notice",
    "blockd-web.service": "blockd-web",
    FETCH: "blockd-fetch",
    VERIFY: "blockd-verify",
}
MOST_EXPOSURE = 1.5

EVERYWHERE = {
    "AssertPathExists": "/etc/blockd/blockd.toml",
    "Group": "blockd",
    "LimitCORE": "0",
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateMounts": "yes",
    "PrivateDevices": "yes",
    "DevicePolicy": "closed",
    "ProtectClock": "yes",
    "ProtectHostname": "yes",
    "ProtectControlGroups": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectProc": "invisible",
    "ProcSubset": "pid",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes",
    "RemoveIPC": "yes",
    "KeyringMode": "private",
    "SystemCallArchitectures": "native",
    "SystemCallErrorNumber": "EPERM",
}
"""systemd has no way to share these between units, so that they are equal is held here."""

LASTING = {
    "StartLimitIntervalSec": "0",
    "Type": "notify",
    "Restart": "always",
    "UMask": "0007",
}
"""And these are what the services have in common that do not end by themselves."""


def settings(text):
    """Return each key's values in their order; keys are unique among the sections in use here."""
    found = {}
    for line in text.splitlines():
        if line and not line.startswith(("#", "[", ";")):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def unit(name):
    return settings((UNITS / name).read_text("utf-8"))


def program(name):
    """Return the path of one of systemd's programs, or skip; in CI it may not be missing."""
    path = shutil.which(name)
    if path is None and os.environ.get("CI") == "true":
        pytest.fail(f"needs {name}, and CI must not skip it", pytrace=False)
    if path is None:
        pytest.skip(f"needs {name}")
    return path


def run(*argv):
    environment = {**os.environ, "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""}
    return subprocess.run(argv, capture_output=True, text=True, env=environment, check=False)


def complaints(directory):
    """Return what `systemd-analyze verify` says; its exit status is 0 for unknown keys."""
    paths = sorted(map(str, directory.iterdir()))
    done = run(program("systemd-analyze"), "verify", "--man=no", *paths)
    return done.stdout + done.stderr + (f"exit {done.returncode}" if done.returncode else "")


@pytest.mark.parametrize("name", SERVICES)
def test_systemctl_status_names_the_manual_of_what_is_started(name):
    found = unit(name)
    verb = found["ExecStart"][0].split()[1]
    assert found["Documentation"] == [f"man:blockd-{verb}(8)"]


@pytest.fixture
def copies(tmp_path):
    """Copies of the units whose program exists on this machine."""
    for name in (*SERVICES, SOCKET, NOTICE_SOCKET, TIMER, VERIFY_TIMER):
        text = (UNITS / name).read_text("utf-8")
        (tmp_path / name).write_text(text.replace(PROGRAM, shutil.which("true")), "utf-8")
    return tmp_path


def test_every_shipped_file_is_tested_here():
    shipped = {str(path.relative_to(UNITS)) for path in UNITS.rglob("*") if path.is_file()}
    assert shipped == {*SERVICES, SOCKET, NOTICE_SOCKET, TIMER, VERIFY_TIMER, *OTHERS}


def test_systemd_has_nothing_to_say_about_the_units(copies):
    assert complaints(copies) == ""


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("ProtectEverything=yes", "Unknown key"),
        ("SystemCallFilter=@no-such-set", "no-such-set"),
        ("ReadWritePaths=run/blockd", "not absolute"),
    ],
)
def test_systemd_would_say_it_if_a_unit_were_wrong(copies, line, complaint):
    path = copies / "blockd.service"
    path.write_text(path.read_text("utf-8").replace("[Service]", f"[Service]\n{line}"), "utf-8")
    assert complaint in complaints(copies)


@pytest.mark.parametrize("name", SERVICES)
def test_exposure_is_low(name):
    done = run(
        program("systemd-analyze"), "security", "--no-pager", "--offline=true",
        f"--threshold={MOST_EXPOSURE * 10:.0f}", str(UNITS / name),
    )  # fmt: skip
    exposure = re.search(r"Overall exposure level for \S+ (\d+\.\d+)", done.stdout)
    assert exposure, done.stdout + done.stderr
    print(f"{name}: exposure {exposure[1]}")
    assert done.returncode == 0, done.stdout
    assert float(exposure[1]) <= MOST_EXPOSURE


@pytest.mark.parametrize("name", SERVICES)
def test_what_systemd_would_still_tighten_is_answered_in_the_unit(name):
    done = run(
        program("systemd-analyze"), "security", "--offline=true", "--json=short", str(UNITS / name)
    )
    text = (UNITS / name).read_text("utf-8")
    open_ends = {found["name"] for found in json.loads(done.stdout) if found["set"] is False}
    unanswered = {found for found in open_ends if not all(f"{key}=" in text for key in keys(found))}
    assert unanswered == set()


def keys(finding):
    """Return the directives that a finding such as `RootDirectory=/RootImage=` is about."""
    return re.findall(r"(\w+)=", finding)


@pytest.mark.parametrize("name", SERVICES)
def test_what_all_services_have_in_common(name):
    found = unit(name)
    common = {**EVERYWHERE, **LASTING} if name in DAEMONS else EVERYWHERE
    assert {key: found.get(key) for key in common} == {
        key: [value] for key, value in common.items()
    }
    assert found["SystemCallFilter"] == ["@system-service", "~@privileged @resources"]
    assert found["User"] == [USERS[name]]
    assert "DynamicUser" not in found
    assert "RuntimeDirectory" not in found


def test_only_the_compiler_owns_the_state():
    assert unit("blockd.service")["StateDirectory"] == ["blockd"]
    assert unit("blockd.service")["StateDirectoryMode"] == ["0750"]
    for name in SERVICES[1:]:
        assert "StateDirectory" not in unit(name)


def test_the_compiler_has_no_network_and_no_capability():
    found = unit("blockd.service")
    assert found["PrivateNetwork"] == ["yes"]
    assert found["RestrictAddressFamilies"] == ["AF_UNIX"]
    assert found["CapabilityBoundingSet"] == found["AmbientCapabilities"] == [""]


def test_only_the_fetcher_asks_web_servers_and_it_writes_nothing_but_the_spool():
    found = unit(FETCH)
    assert found["Type"] == ["oneshot"]
    assert found["ExecStart"] == [f"{PROGRAM} fetch --due"]
    assert found["ReadWritePaths"] == [Config().fetch.spool]
    assert found["RestrictAddressFamilies"] == ["AF_INET AF_INET6 AF_UNIX"]
    assert found["CapabilityBoundingSet"] == found["AmbientCapabilities"] == [""]
    assert unit(TIMER)["OnCalendar"] == ["hourly"]
    for name in DAEMONS:
        assert Config().fetch.spool not in str(unit(name))


def test_verifying_leaves_its_result_and_needs_no_privilege():
    found = unit(VERIFY)
    assert found["Type"] == ["oneshot"]
    assert found["ExecStart"] == [f"{PROGRAM} verify --record"]
    assert found["ReadWritePaths"] == ["/run/blockd/verify"]
    assert found["CapabilityBoundingSet"] == found["AmbientCapabilities"] == [""]
    # That a daemon is down is its finding; it must not start it, nor stop with it.
    assert not {"Wants", "Requires", "BindsTo", "SuccessExitStatus"} & found.keys()
    assert unit(VERIFY_TIMER)["OnCalendar"] == ["hourly"]


def test_a_bad_list_fails_the_reload_and_only_a_good_one_renews_the_configuration():
    assert unit("blockd.service")["ExecStart"] == [f"{PROGRAM} watch"]
    assert unit("blockd.service")["ExecReload"] == [
        f"{PROGRAM} compile --wait",
        "/bin/kill -HUP $MAINPID",
    ]


@pytest.mark.parametrize(
    ("name", "verb"), [("blockd-resolver.service", "resolve"), ("blockd-routes.service", "route")]
)
def test_the_planes_want_the_compiler_and_do_without_it(name, verb):
    found = unit(name)
    assert found["ExecStart"] == [f"{PROGRAM} {verb}"]
    assert found["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert found["Wants"] == ["blockd.service"]
    # In no order: they start from the last generation, whatever the compiler is at.
    assert "blockd.service" not in words(found, "Requires", "After", "Before")
    assert not words(unit("blockd.service"), "Requires", "After", "Before")
    # Without a list they wait, however long.
    assert found["TimeoutStartSec"] == ["infinity"]


@pytest.mark.parametrize("name", ["blockd-web.service", VERIFY])
def test_who_looks_at_the_daemons_does_not_wait_for_them(name):
    assert not words(unit(name), "Requires", "Wants", "After", "BindsTo")


@pytest.mark.parametrize("name", DAEMONS)
def test_whoever_hangs_is_noticed(name):
    # Compiling keeps the event loop waiting, and clients do not wait for it.
    assert unit(name)["WatchdogSec"] == ["2min" if name == "blockd.service" else "20s"]


OWN = {
    "blockd.service": ["/run/blockd/compiler"],
    "blockd-resolver.service": ["/run/blockd/resolver"],
    "blockd-routes.service": ["/run/blockd/routes"],
    NOTICE: ["/run/blockd/notice"],
    "blockd-web.service": [],
}


@pytest.mark.parametrize(("name", "paths"), OWN.items(), ids=OWN.keys())
def test_a_daemon_writes_to_the_directory_of_its_own_socket_alone(name, paths):
    assert unit(name).get("ReadWritePaths", []) == paths


def words(found, *keys):
    return [word for key in keys for value in found.get(key, []) for word in value.split()]


def test_the_resolver_has_no_capability_and_cannot_start_without_its_socket():
    found = unit("blockd-resolver.service")
    assert found["CapabilityBoundingSet"] == found["AmbientCapabilities"] == [""]
    assert found["RestrictAddressFamilies"] == ["AF_INET AF_INET6 AF_UNIX"]
    assert found["Requires"] == [SOCKET]
    assert found["Also"] == [SOCKET]


def test_routes_have_one_capability_and_it_is_not_voided():
    found = unit("blockd-routes.service")
    assert found["CapabilityBoundingSet"] == found["AmbientCapabilities"] == ["CAP_NET_ADMIN"]
    assert found["RestrictAddressFamilies"] == ["AF_NETLINK AF_UNIX"]
    # In a user namespace of its own it would have no say in the host's network namespace.
    assert "PrivateUsers" not in found
    assert "PrivateNetwork" not in found


def test_routes_are_withdrawn_by_what_knows_a_stop_from_a_restart():
    found = unit("blockd-routes.service")
    # As root without a capability but the one: systemd answers root without a D-Bus daemon.
    assert found["ExecStopPost"] == [f"!{PROGRAM} route --withdraw --on-stop %n"]
    for name in ("blockd.service", "blockd-resolver.service"):
        assert "ExecStopPost" not in unit(name)


def test_the_page_reaches_loopback_alone_and_nobody_waits_for_it():
    found = unit("blockd-web.service")
    assert found["ExecStart"] == [f"{PROGRAM} web"]
    assert found["CapabilityBoundingSet"] == found["AmbientCapabilities"] == [""]
    assert (found["IPAddressDeny"], found["IPAddressAllow"]) == (["any"], ["localhost"])
    assert "Requires" not in found
    assert "Wants" not in found
    for name in SERVICES[:-1]:
        assert "blockd-web" not in (UNITS / name).read_text("utf-8")


def test_the_notice_service_has_a_socket_and_neither_network_nor_capability():
    found, passed = unit(NOTICE), unit(NOTICE_SOCKET)
    assert found["ExecStart"] == [f"{PROGRAM} notice"]
    assert found["CapabilityBoundingSet"] == found["AmbientCapabilities"] == [""]
    assert (found["PrivateNetwork"], found["RestrictAddressFamilies"]) == (["yes"], ["AF_UNIX"])
    assert found["Requires"] == found["Also"] == [NOTICE_SOCKET]
    assert passed["ListenStream"] == [str(endpoint) for endpoint in Config().notice.listen]
    assert (passed["FreeBind"], passed["BindIPv6Only"]) == (["yes"], ["ipv6-only"])
    assert passed["AssertPathExists"] == found["AssertPathExists"]


def test_the_notice_service_is_started_by_nothing_but_its_socket():
    for path in UNITS.iterdir():
        if path.is_file() and path.name not in {NOTICE, NOTICE_SOCKET}:
            assert "blockd-notice" not in path.read_text("utf-8"), path.name


def test_the_socket_listens_where_the_configuration_does_by_default():
    found = unit(SOCKET)
    wanted = [str(endpoint) for endpoint in Config().resolver.listen]
    assert found["ListenDatagram"] == wanted
    assert found["ListenStream"] == wanted


def test_the_sockets_options():
    found = unit(SOCKET)
    assert found["BindIPv6Only"] == ["ipv6-only"]
    assert found["FreeBind"] == ["yes"]
    assert found["PassPacketInfo"] == ["yes"]
    assert found["AssertPathExists"] == unit("blockd-resolver.service")["AssertPathExists"]
    megabytes = re.fullmatch(r"(\d+)M", found["ReceiveBuffer"][0])
    assert int(megabytes[1]) << 20 >= 10_000 * 768, "a second of 10,000 queries"


@pytest.fixture
def root(tmp_path):
    """A scratch root with blockd's users, made by the real program."""
    if os.geteuid() != 0:
        if os.environ.get("CI") == "true":
            pytest.fail("needs root, and CI must not skip it", pytrace=False)
        pytest.skip("needs root to make users and directories in a scratch root")
    (tmp_path / "etc").mkdir()
    done = run(
        program("systemd-sysusers"), f"--root={tmp_path}", str(UNITS / "sysusers.d/blockd.conf")
    )
    assert done.returncode == 0, done.stderr
    return tmp_path


def users(root):
    lines = (root / "etc/passwd").read_text("utf-8").splitlines()
    return {fields[0]: fields for fields in (line.split(":") for line in lines)}


def group(root):
    lines = (root / "etc/group").read_text("utf-8").splitlines()
    groups = {fields[0]: int(fields[2]) for fields in (line.split(":") for line in lines)}
    assert set(groups) == {"blockd"}
    return groups["blockd"]


def test_users_without_a_login_share_one_group(root):
    made = users(root)
    assert set(made) == set(USERS.values())
    assert {int(fields[3]) for fields in made.values()} == {group(root)}
    assert len({fields[2] for fields in made.values()}) == len(USERS)
    assert {fields[6] for fields in made.values()} == {"/usr/sbin/nologin"}


def place(root):
    done = run(
        program("systemd-tmpfiles"), "--create", f"--root={root}",
        str(UNITS / "tmpfiles.d/blockd.conf"),
    )  # fmt: skip
    assert done.stdout + done.stderr == ""
    assert done.returncode == 0


def test_the_directories_belong_to_whom_they_should(root):
    place(root)
    sockets = {
        "compiler": "blockd",
        **{n: f"blockd-{n}" for n in ("notice", "resolver", "routes", "verify")},
    }
    for name, user in sockets.items():
        made = (root / "run/blockd" / name).stat()
        assert (stat.S_IMODE(made.st_mode), made.st_gid) == (0o2750, group(root))
        assert made.st_uid == int(users(root)[user][2])
    spool = (root / "var/spool/blockd").stat()
    assert stat.S_IMODE(spool.st_mode) == 0o2750
    assert (spool.st_uid, spool.st_gid) == (int(users(root)["blockd-fetch"][2]), group(root))
    for name in ("run/blockd", "etc/blockd", "etc/blockd/rules.d"):
        made = (root / name).stat()
        assert (stat.S_IMODE(made.st_mode), made.st_uid, made.st_gid) == (0o755, 0, 0)


def test_the_first_configuration_is_the_defaults(root):
    from blockd import config

    place(root)
    path = root / "etc/blockd/blockd.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    text = path.read_text("utf-8")
    assert text.endswith("\n")
    assert config.parse(text, str(path)) == Config()


def test_what_the_operator_changed_stays(root):
    place(root)
    path = root / "etc/blockd/blockd.toml"
    path.write_text("[resolver]\nttl = 30\n", "utf-8")
    path.chmod(0o640)
    (root / "etc/blockd/rules.d").chmod(0o2775)
    place(root)
    assert "ttl = 30" in path.read_text("utf-8")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert stat.S_IMODE((root / "etc/blockd/rules.d").stat().st_mode) == 0o2775


def test_networkd_leaves_routes_and_rules_alone():
    found = unit("networkd.conf.d/blockd.conf")
    assert found == {"ManageForeignRoutes": ["no"], "ManageForeignRoutingPolicyRules": ["no"]}
