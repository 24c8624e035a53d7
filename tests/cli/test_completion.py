"""`blockd completion`: the shells' own completion, asked as the shells ask."""

import os
import subprocess
import sys

import pytest

from blockd.cli.completion import SHELLS, VARIABLE
from blockd.manual.topics import TOPICS
from tests.cli.glance.terminal import Terminal
from tests.cli.program import RULES, run
from tests.e2e.gateway import program


@pytest.fixture
def path(tmp_path):
    """A directory with nothing but `blockd` in it, to stand first in $PATH."""
    blockd = tmp_path / "bin" / "blockd"
    blockd.parent.mkdir()
    blockd.write_text(f'#!/bin/sh\nexec {sys.executable} -m blockd "$@"\n')
    blockd.chmod(0o755)
    return blockd.parent


def shell(path, *argv, **more):
    environment = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}", **more}
    done = subprocess.run(
        argv, check=True, capture_output=True, text=True, env=environment, timeout=60
    )
    assert done.stderr == ""
    return done.stdout


def completed(path, words, last):
    """Return what bash is told about the last of some words: kinds and values."""
    line = " ".join(["blockd", *map(str, words), last])
    more = {VARIABLE: "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) + 1)}
    out = shell(path, "blockd", **more)
    return [tuple(each.split(",", 1)) for each in out.splitlines() if each]


def plain(*values):
    return [("plain", value) for value in values]


@pytest.mark.parametrize(
    ("words", "last", "found"),
    [
        ([], "expl", plain("explain")),
        ([], "re", plain("resolve", "report")),
        (["export"], "u", plain("unbound")),
        (["report", "--format"], "", plain("markdown", "csv", "json")),
        (["route", "--plan", "--format"], "ip", plain("ip-batch")),
        (["status"], "--w", plain("--watch")),
        (["help"], "si", plain("signing", "sign")),
        (["completion"], "", plain(*SHELLS)),
        (["check"], "/etc/hos", [("file", "/etc/hos")]),
        (["diff"], "/etc/hos", [("file", "/etc/hos")]),
        (["sign", "--key"], "x", [("file", "x")]),
        (["--config"], "b", [("file", "b")]),
    ],
)
def test_verbs_options_and_their_values_are_completed(path, words, last, found):
    assert completed(path, words, last) == found


def test_every_topic_is_offered(path):
    offered = [value for _, value in completed(path, ["help"], "")]
    assert offered[: len(TOPICS)] == list(TOPICS)


def test_of_a_rollback_the_earlier_generations_are_offered(path, gateway, tmp_path):
    for name in ("one", "two", "three"):
        gateway.write(RULES.replace('"=only.example"', f'"{name}.example"'))
        gateway.run("compile")
    assert completed(path, [*gateway.options(), "rollback"], "") == plain("2", "1")
    wrong = ["--config", tmp_path / "missing.toml", "rollback"]
    assert completed(path, wrong, "") == []


def test_bash_takes_the_script(path):
    script = "source <(blockd completion bash) && complete -p blockd && echo $((COMP_CWORD+1))"
    said = shell(path, "bash", "--norc", "-c", script)
    assert said.splitlines()[0] == "complete -o nosort -F _blockd_completion blockd"


@pytest.mark.parametrize(
    ("typed", "shown"),
    [("blockd expl", "> blockd explain"), ("blockd check ./li", "> blockd check ./list-one.toml")],
)
def test_a_word_is_completed_as_somebody_types_it(path, tmp_path, typed, shown):
    rc = tmp_path / "rc"
    rc.write_text(
        f"cd {tmp_path}; PATH={path}:$PATH; PS1='> '; bind 'set enable-bracketed-paste off'\n"
        "source <(blockd completion bash)\n"
    )
    (tmp_path / "list-one.toml").write_text("")
    terminal = Terminal(["env", "TERM=dumb", "bash", "--noprofile", "--rcfile", str(rc), "-i"])
    try:
        terminal.until(lambda display: display.lines()[0].startswith(">"))
        terminal.type(f"{typed}\t")
        terminal.until(lambda display: display.lines()[0].startswith(shown))
    finally:
        terminal.close()


@pytest.mark.parametrize("name", ["zsh", "fish"])
def test_other_shells_take_their_scripts(path, tmp_path, name):
    script = tmp_path / "script"
    script.write_text(run("completion", name).out)
    shell(path, program(name), "-n", str(script))


@pytest.mark.parametrize("name", SHELLS)
def test_a_script_is_printed_without_asking_the_shell(name, monkeypatch):
    monkeypatch.setitem(os.environ, "PATH", "/nowhere")
    done = run("completion", name)
    assert (done.status, done.err) == (0, "")
    assert f"{VARIABLE}={name}_complete" in done.out
    assert run("completion", "tcsh").status == 2
