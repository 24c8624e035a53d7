"""The program as a whole: its verbs, its exit statuses, its sentences, and how fast it is."""

import os
import subprocess
import sys
import time

import click
import pytest

from blockd.cli import app
from tests.cli.program import RULES, beside, run

VERBS = {
    "check": True,
    "diff": True,
    "compile": True,
    "explain": True,
    "export": False,
    "fetch": True,
    "sign": False,
    "resolve": False,
    "route": True,
    "watch": False,
    "web": False,
    "notice": False,
    "up": False,
    "status": True,
    "verify": True,
    "doctor": True,
    "setup": False,
    "history": True,
    "report": True,
    "rollback": True,
    "help": False,
    "completion": False,
}
"""Each verb, and whether it reports."""

HEAVY = (
    "aiohttp", "asyncio", "dnslib", "h11", "nacl", "publicsuffixlist", "pyroute2", "rich",
    "urllib3",
)  # fmt: skip


def test_every_verb_exists_and_says_what_it_does():
    commands = app.build().commands
    assert list(commands) == list(VERBS)
    for name, command in commands.items():
        assert command.help, name
        done = run(name, "--help")
        assert (done.status, done.err) == (0, "")
        assert done.out.startswith(f"Usage: blockd {name}")
        assert run(name, "-h").out == done.out


@pytest.mark.parametrize(("verb", "reports"), VERBS.items())
def test_every_verb_that_reports_has_json(verb, reports):
    options = {o for p in app.build().commands[verb].params for o in p.opts}
    assert ("--json" in options) is reports


def test_every_option_says_what_it_does():
    program = app.build()
    for command in (program, *program.commands.values()):
        for param in command.params:
            assert not isinstance(param, click.Option) or param.help, (command.name, param.name)


def test_help_lists_the_verbs_and_the_exit_statuses():
    done = run("--help")
    assert done.status == 0
    places = [done.out.index(f"  {verb} ") for verb in VERBS]
    assert places == sorted(places)
    assert "3 refused by a guard" in " ".join(done.out.split())


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["abolish"],
        ["--loud", "check"],
        ["compile", "--loud"],
        ["explain"],
        ["explain", "a.example", "b.example"],
        ["rollback", "one"],
        ["compile", "--timeout", "soon"],
    ],
)
def test_wrong_use_is_status_2_and_shows_the_right_one(words):
    done = run(*words)
    assert (done.status, done.out) == (2, "")
    assert "blockd" in done.err
    assert "--help" in done.err


def test_the_version_is_told():
    assert run("--version").out.startswith("blockd 0.")


LISTS = {
    "good": (RULES, 0),
    "a mistake": (RULES.replace("198.18.1.0/28", "198.18.1.0/99"), 1),
    "cut off": (RULES.removesuffix("\n"), 1),
    "too wide": (RULES.replace("198.18.1.0/28", "198.18.0.0/15"), 3),
    "a public suffix": (RULES.replace('"listed.example"', '"co.uk"'), 3),
    "both": (RULES.replace("198.18.1.0/28", "x").replace('"listed.example"', '"com"'), 1),
    "only a warning": (RULES.replace('"=only.example"', '"a.listed.example"'), 0),
}


@pytest.mark.parametrize(("text", "status"), LISTS.values(), ids=LISTS)
@pytest.mark.parametrize("verb", ["check", "diff", "compile"])
def test_the_status_says_whose_fault_a_list_is(gateway, verb, text, status):
    gateway.write(text)
    done = gateway.run(verb)
    assert done.status == status
    if status:
        assert done.err.splitlines()[-1].startswith("blockd: ")
        assert "nothing was changed" in done.err
        assert not (gateway.state / "current").exists()
    committed = verb == "compile" and not status
    assert gateway.run("explain", "listed.example").status == (4 if committed else 2)


SENTENCES = {
    "a key that is unknown": (
        ["check"],
        '[resolver]\nlisten_on = ["127.0.0.1:5300"]\n',
        2,
        "blockd.toml:2: unknown key `resolver.listen_on`; did you mean `listen`, as in",
    ),
    "a section that is unknown": (
        ["compile"],
        "[guards]\n",
        2,
        "unknown key `guards`; did you mean `guard`, as in `[guard]`?",
    ),
    "a key unlike any": (
        ["status"],
        "[list]\nzzz = 1\n",
        2,
        "unknown key `list.zzz`; known are paths",
    ),
    "a value that is wrong": (
        ["check"],
        "[routes]\ntable = 0\n",
        2,
        "blockd.toml:2: routes.table: 0 is not a whole number from 1 to",
    ),
    "no TOML": (["up"], "[list\n", 2, "blockd.toml:1: not valid TOML, at column 6: "),
    "no list": (
        ["compile"],
        '[list]\npaths = ["{place}/nowhere"]\n',
        1,
        "nowhere: cannot be read: No such file or directory",
    ),
    "an empty directory": (
        ["check"],
        '[list]\npaths = ["{place}/empty"]\n',
        1,
        "empty: holds no list file; put one there whose name ends in ",
    ),
    "no generation": (
        ["explain", "a.example"],
        "",
        2,
        "/state yet; run `blockd compile`",
    ),
    "nothing to go back to": (["rollback"], "", 2, "/state yet; run `blockd compile`"),
}


@pytest.mark.parametrize(
    ("words", "config", "status", "sentence"), SENTENCES.values(), ids=SENTENCES
)
def test_an_error_is_one_sentence_that_says_what_to_mend(gateway, words, config, status, sentence):
    (gateway.place / "empty").mkdir()
    gateway.config.write_text(config.replace("{place}", str(gateway.place)))
    done = gateway.run(*words)
    assert (done.status, done.out) == (status, "")
    (line,) = done.err.splitlines()
    assert line.startswith("blockd: ")
    assert sentence in line


WITHOUT_WORDS = sorted(
    VERBS.keys()
    - {"completion", "explain", "export", "help", "history", "rollback", "setup", "sign"}
)


@pytest.mark.parametrize("verb", WITHOUT_WORDS)
def test_a_missing_configuration_is_named(tmp_path, verb):
    path = tmp_path / "missing.toml"
    done = beside("--config", str(path), "--state", str(tmp_path / "state"), verb)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"blockd: {path}: cannot be read: No such file or directory\n"


def test_the_program_of_the_installation_gives_the_same_statuses(gateway):
    options = gateway.options()
    gateway.run("compile")
    for words, status in (
        (["explain", "listed.example"], 4),
        (["explain", "other.example"], 1),
        (["explain", "two..dots"], 2),
        (["status"], 4),
        (["abolish"], 2),
        (["--version"], 0),
    ):
        assert beside(*options, *words).returncode == status, words
    gateway.write(RULES.replace('"listed.example"', '"com"'))
    done = beside(*options, "compile")
    assert (done.returncode, done.stdout) == (3, "")
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("blockd: ")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", [["history"], ["history", "--json"], ["--help"]])
def test_a_reader_that_has_gone_is_no_problem(gateway, words, unbuffered):
    gateway.run("compile")
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as closed:
        done = subprocess.run(
            gateway.argv(*words),
            check=False,
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.alone
@pytest.mark.parametrize(("words", "status"), [(["--help"], 0), (["explain", "listed.example"], 4)])
def test_the_answer_comes_at_once(gateway, words, status):
    gateway.write(RULES.replace("prefixes", "# prefixes", 1))  # none: the kernel is not asked
    gateway.run("compile")
    took, worked = [], []
    for _ in range(3):
        start, before = time.perf_counter(), os.times()
        done = beside(*gateway.options(), *words)
        took.append(time.perf_counter() - start)
        after = os.times()
        worked.append(sum(after[2:4]) - sum(before[2:4]))  # by children that have ended
        assert done.returncode == status
    print(f"blockd {' '.join(words)}: {min(took):.3f} s, of work {min(worked):.3f} s")
    assert min(worked) < 1
    assert min(took) < 5  # it waits for nobody; how long for the processor is not its doing


def test_nothing_heavy_is_imported_before_a_verb_needs_it():
    script = (
        "import sys; from blockd.cli import app; app.build();"
        f"print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == ""
