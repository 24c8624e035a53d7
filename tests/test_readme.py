"""The README is run: its commands are well formed, its examples parse, its tour tells the truth."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from blockd import config as configuration
from blockd.cli.app import build
from blockd.cli.glance.look import Look
from blockd.cli.glance.verdict import show
from blockd.config import Config, ListSection, SourceSection
from blockd.errors import ListError
from blockd.policy import publish
from blockd.policy.store import Store
from blockd.terms import Action
from blockd.watchlist import formats
from tests import topology
from tests.cli.program import Gateway
from tests.e2e import internet
from tests.web import standings

ROOT = topology.repository()
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_two_commands_are_marked_and_whole():
    for marker in ("run", "test"):
        (command,) = re.findall(rf"<!-- command: {marker} -->\n```sh\n(.*?)```", README, re.DOTALL)
        done = subprocess.run(["sh", "-n"], check=False, input=command, text=True)
        assert done.returncode == 0
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install")


@pytest.mark.parametrize("section", ["As a service", "Operating it"])
def test_every_command_that_an_operator_is_shown_is_typed_in_by_a_test(section):
    typed = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py"))
    text = README.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    shown = re.findall(r"^([^\n]*)\n```(\w*)\n.*?^```$", text, re.MULTILINE | re.DOTALL)
    assert shown
    for above, language in shown:
        marker = re.fullmatch(r"<!-- (\w+: \w+) -->", above)
        assert marker, f"{section}: no marker above a block, but {above!r}"
        assert language == "sh"
        assert f'"{marker[1]}"' in typed, marker[1]


def test_every_verb_and_action_stands_in_the_tables():
    for verb in build().commands:
        assert f"`blockd {verb}" in README or f"`{verb}" in README, verb
    for action in Action:
        assert f"| `{action}`" in README, action


def test_the_example_list_is_accepted():
    (example,) = blocks("toml")
    parsed = formats.parse(example.encode(), "example.toml")
    assert [str(issue) for issue in parsed.issues] == []
    assert len(parsed.names) == 4
    assert len(parsed.prefixes) == 3


def test_a_change_beyond_the_limits_is_refused_and_confirmed_as_shown(tmp_path):
    rules, state = tmp_path / "rules", tmp_path / "state"
    shutil.copytree(ROOT / "rules", rules)
    config = tmp_path / "blockd.toml"
    config.write_text(f'[list]\npaths = ["{rules}"]\n')

    def said(*words):
        argv = [sys.executable, "-m", "blockd", "--config", config, "--state", state, *words]
        done = subprocess.run(argv, check=False, capture_output=True, text=True, cwd=ROOT)
        return done.stdout + done.stderr

    said("compile")
    platforms = rules / "platforms.toml"
    head, mark, _ = platforms.read_text().partition('\n[[platform]]\nid = "p081"')
    assert mark
    platforms.write_text(f"{head}\n")
    refused = said("compile")
    (digest,) = re.findall(r"--accept (\w+)", refused)
    accepted = said("compile", "--accept", digest)
    (shown,) = re.findall(
        r"<!-- guard: accept -->\n```\n(.*?)^```$", README, re.DOTALL | re.MULTILINE
    )
    assert shown == (
        f"$ blockd compile\n{refused}$ blockd compile --accept {digest}\n{accepted}"
    ).replace(str(state), "/var/lib/blockd").replace(digest, "9e0a2f6c51d7b3480c1e")


def test_the_example_of_the_guard_is_a_configuration():
    (text,) = re.findall(r"<!-- configuration: guard -->\n```\n(.*?)```", README, re.DOTALL)
    assert len(configuration.parse(text, "README.md").guard.never) == 2


def test_every_key_of_the_configuration_stands_in_its_table():
    for section in msgspec.structs.fields(Config):
        for key in msgspec.structs.fields(section.type):
            assert re.search(
                rf"^\|.*`(\[{section.name}\] )?{key.name}`.*\|", README, re.MULTILINE
            ), f"[{section.name}] {key.name}"


def test_every_key_of_a_source_stands_in_its_table():
    for key in msgspec.structs.fields(SourceSection):
        assert re.search(rf"^\|.*`{key.name}`.*\|.*\|$", README, re.MULTILINE), key.name


def test_the_status_that_is_shown_is_what_the_program_says(tmp_path):
    (text,) = re.findall(r"<!-- status: trouble -->\n```\n(.*?)```", README, re.DOTALL)
    shown, refused = text.splitlines()
    problem = refused.partition(" stays: ")[2]
    gateway = Gateway(tmp_path)
    gateway.write('[[platform]]\nid = "a"\nprefixes = ["198.18.1.0/99"]\n', "a.toml")
    config = Config(list=ListSection(paths=(str(gateway.rules),)))
    with pytest.raises(ListError) as refusal:  # as the compiler's status has it
        publish.publish(Store(gateway.state), config, datetime.now(UTC))
    assert problem == str(refusal.value).replace(str(gateway.rules), "/etc/blockd/rules.d")
    since = re.search(r"since (\S+) (\S+) UTC", refused)
    compiler = standings.compiler(problem=problem, problem_since=f"{since[1]}T{since[2]}Z")
    trouble = standings.standing(compiler=compiler, routes=None, notice=None)
    found = show(Look(standings.COMMITTED, Path("/state"), trouble, "", {}, (), None, ()))
    assert [found.verdict, f"attention: {found.attention[0]}"] == [shown, refused]


def test_files_that_are_named_exist():
    for path in re.findall(r"`?((?:rules|blockd|systemd|seeds)/[\w./-]*)`?", README):
        assert (ROOT / path.rstrip(".")).exists() or "*" in README, path


@pytest.mark.root
def test_the_batch_is_the_plan_of_the_example_list(tmp_path):
    (shown,) = re.findall(r"<!-- plan: ip-batch -->\n```\n(.*?)```", README, re.DOTALL)
    (example,) = blocks("toml")
    gateway = Gateway(tmp_path)
    gateway.configure(routes=True)
    gateway.write(re.sub(r"(?m)^expires = \S+", "expires = 2999-12-31", example))
    assert gateway.run("compile").status == 0
    with topology.namespace() as space:
        done = space.run(*gateway.argv("route", "--plan", "--format", "ip-batch"))
    assert done.stdout == shown


VARIES = (
    (r"id: \d+", "id: N"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME"),
    (r"\S*rules/(\w+\.toml)", r"rules/\1"),
    (r" +", " "),
)
"""What differs from one run to the next."""


def steady(text):
    for pattern, constant in VARIES:
        text = re.sub(pattern, constant, text)
    return [line.strip() for line in text.splitlines() if line.strip()]


def steps():
    """Return the tour's commands with the output that the README shows for each."""
    found = []
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


@pytest.fixture
def tour(tmp_path_factory):
    """Yield a function that runs a command beside `blockd up` on the defaults, in a namespace."""
    topology.require()
    if shutil.which("dig") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("needs dig, and CI must not skip it")
        pytest.skip("needs dig")
    tmp_path = tmp_path_factory.mktemp("tour")  # a socket's path has 107 octets at most: unix(7)
    for directory in ("blockd", "rules"):
        shutil.copytree(ROOT / directory, tmp_path / directory)
    program = tmp_path / ".venv" / "bin" / "blockd"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m blockd "$@"\n')
    program.chmod(0o755)
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(tmp_path)}
    environment.pop("XDG_STATE_HOME", None)
    with topology.namespace("readme") as space:
        conf = Path("/etc/netns") / space.name
        conf.mkdir(parents=True)
        (conf / "resolv.conf").write_text(f"nameserver {internet.NAME_SERVERS[0]}\n")
        try:
            for address in (*internet.NAME_SERVERS, internet.OTHER_SERVER):
                space.ip(f"route add local {address} dev lo")
            space.sysctl("net.ipv6.ip_nonlocal_bind=1")
            server = space.popen(
                sys.executable, "-m", "tests.e2e.internet", stdout=subprocess.PIPE, cwd=ROOT
            )
            assert server.stdout.readline() == b"ready\n"
            with (tmp_path / "log").open("wb") as log:
                up = space.popen(
                    str(program), "up", cwd=tmp_path, env=environment,
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                )  # fmt: skip

            def run(command):
                done = subprocess.run(
                    space.argv("sh", "-c", command), check=False, capture_output=True,
                    text=True, cwd=tmp_path, env=environment, timeout=30,
                )  # fmt: skip
                return done.stdout + done.stderr

            yield run
            up.send_signal(signal.SIGTERM)
            assert up.wait(20) == 0, (tmp_path / "log").read_text()
            assert "withdrawn" in (tmp_path / "log").read_text()
        finally:
            shutil.rmtree(conf)


@pytest.mark.root
def test_the_tour_shows_what_happens(tour):
    for command, output in steps():
        expected = steady(output)
        deadline = time.monotonic() + 15
        while True:
            said = steady(tour(command))
            missing = [line for line in expected if line not in said]
            # What was just changed or started is in force within a fraction of a second.
            if not missing or time.monotonic() > deadline or command.startswith("printf"):
                break
            time.sleep(0.1)
        assert not missing, f"$ {command}\n" + "\n".join(said)
