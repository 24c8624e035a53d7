"""A signed list on its way from its publisher into force, as the README shows it."""

import os
import re
import shlex
import subprocess
import sys

import pytest

from blockd.minisign.keys import PublicKey
from tests import topology
from tests.fetch.server import Server
from tests.resolver.certificates import require

README = (topology.repository() / "README.md").read_text("utf-8")
LISTS = {
    "blocked.txt": "shop-001.example\nshop-002.example\n",
    "partner.rpz": "partner.example CNAME .\n",
    "trial.txt": "0.0.0.0 trial.example\n",
    "rules.d/own.txt": "own.example\n",
}
VARIES = (
    (r"timestamp:\d+", "timestamp:N"),
    (r"RW[\w+/=]{54}", "KEY"),
    (r"\bkey [0-9A-F]{16}", "key N"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME"),
    (r"localhost:\d+", "lists.example"),
)


def marked(name):
    """Return the README's block after a marker."""
    (found,) = re.findall(rf"<!-- sources: {name} -->\n```\n(.*?)```", README, re.DOTALL)
    return found


def steady(text):
    for pattern, constant in VARIES:
        text = re.sub(pattern, constant, text)
    return text


@pytest.fixture
def place(tmp_path):
    """A directory with lists, and `blockd` as a program with a configuration there."""
    require("minisign")
    for name, text in LISTS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    program = tmp_path / "bin" / "blockd"
    program.parent.mkdir()
    options = ("--config", tmp_path / "blockd.toml", "--state", tmp_path / "state")
    argv = shlex.join(map(str, (sys.executable, "-m", "blockd", *options)))
    program.write_text(f'#!/bin/sh\nexec {argv} "$@"\n')
    program.chmod(0o755)
    (tmp_path / "blockd.toml").write_text("")
    return tmp_path


def follow(place, block):
    """Run the commands of a block and compare what they say."""
    path = f"{place}/bin:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(topology.repository())}
    for step in re.split(r"^\$ ", marked(block), flags=re.MULTILINE)[1:]:
        command, _, output = step.partition("\n")
        done = subprocess.run(
            ["sh", "-c", command], check=False, capture_output=True, text=True, cwd=place,
            env=environment, timeout=60,
        )  # fmt: skip
        said = (done.stdout + done.stderr).replace(f"{place}/state", "/var/lib/blockd")
        assert steady(said) == steady(output), f"$ {command}"


def test_a_signed_list_comes_from_its_publisher_into_force(place):
    follow(place, "publisher")
    key = PublicKey.parse((place / "publisher.key.pub").read_text())
    with Server(place).running() as server:
        for name in ("blocked.txt", "blocked.txt.minisig"):
            server.put(f"/{name}", (place / name).read_bytes())
        text = marked("configuration")
        for shown, ours in (
            (re.search(r'key = "(\S+)"', text)[1], str(key)),
            ("/srv/lists", str(place)),
            ("/etc/blockd", str(place)),
            ("lists.example", f"localhost:{server.port}"),
        ):
            text = text.replace(shown, ours)
        fetch = f"[fetch]\nspool = '{place}/spool'\nca = '{server.authority.file}'\n"
        (place / "blockd.toml").write_text(f"{text}{fetch}[routes]\nenabled = false\n")
        follow(place, "gateway")
