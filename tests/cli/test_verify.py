"""`blockd verify`: whom it asks, how it ends, what it says and leaves behind."""

import re
import sys

import pytest

from blockd.verify import report as reports
from tests.cli.program import RULES, daemon, until


@pytest.fixture
def running(gateway):
    """A resolver without routes; its upstream is nobody."""
    gateway.run("compile")
    with daemon(gateway.argv("resolve"), gateway.place) as resolver:
        resolver.notices.until("READY=1")
        yield gateway


def test_the_running_resolver_is_asked_and_routes_that_are_off_are_not(running):
    done = running.run("verify", "--json")
    assert (done.status, done.err) == (0, ""), done.out
    report = done.json
    assert report["server"] == f"127.0.0.1:{running.port}"
    assert (report["generation"], report["place"]) == (1, "gateway")
    assert report["checked"]["names"] == {"right": 2, "wrong": 0, "unclear": 0}
    # Its upstream is nobody: that the exception is open cannot be seen.
    assert report["checked"]["exceptions"] == {"right": 0, "wrong": 0, "unclear": 1}
    assert report["not_checked"] == {"prefixes": "[routes] enabled = false"}


def test_people_read_a_table_and_a_last_line_that_sums_up(running):
    done = running.run("verify")
    assert (done.status, done.err) == (0, "")
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert lines[:2] == ["checked right wrong unclear", "names 2 0 0"]
    assert "not checked: prefixes: [routes] enabled = false" in lines
    assert lines[-1].startswith("nothing wrong of 3, generation 1 at 127.0.0.1:")
    assert any(line.startswith("unclear: good.listed.example (exceptions): ") for line in lines)


def test_a_name_that_is_to_be_blocked_and_is_not_is_status_1_and_left_for_status(running):
    running.write(RULES.partition("[[allow]]")[0])
    running.run("compile")
    until(lambda: running.run("verify", "--sample", "0").out.startswith("checked"))
    running.config.write_text(running.config.read_text() + '[guard]\nmust_block = ["x.test"]\n')
    done = running.run("verify", "--sample", "0", "--record")
    assert done.status == 1
    # Its upstream is nobody: no answer comes, or one that says so.
    assert "wrong: x.test (canaries): " in done.out
    left = reports.read(running.state / "run" / "verify" / "report.json")
    assert (left.wrong, left.generation) == (1, 2)
    said = running.run("status").out
    assert re.search(r"(?m)^verified +1 wrong of ", said)
    assert "attention: `blockd verify` found 1 wrong, see below\n" in said
    assert running.run("status", "--json").json["verified"]["failures"][0][1] == "x.test"


def test_without_dnspython_no_name_is_asked_and_that_is_status_1(running, monkeypatch):
    monkeypatch.setitem(sys.modules, "dns", None)
    monkeypatch.setitem(sys.modules, "dns.message", None)
    done = running.run("verify")
    assert (done.status, done.err) == (1, "")
    *_, why, verdict = [line for line in done.out.splitlines() if "[routes]" not in line]
    assert why.startswith("not checked: names: ")
    assert verdict.startswith("no name was asked; nothing wrong of 0, generation 1 at 127.0.0.1:")
    assert "names" in running.run("verify", "--json").json["not_checked"]


@pytest.mark.parametrize("without", [(), ("dns", "dns.message")])
def test_nobody_that_answers_is_status_4_and_it_says_how_to_start_it(gateway, monkeypatch, without):
    for module in without:
        monkeypatch.setitem(sys.modules, module, None)
    gateway.run("compile")
    done = gateway.run("verify")
    assert (done.status, done.out) == (4, "")
    assert f"127.0.0.1:{gateway.port} " in done.err
    assert "Connection refused; if nothing runs there, `blockd --config " in done.err
    assert " up` runs it in the foreground" in done.err
    elsewhere = gateway.run("verify", "--server", f"127.0.0.1:{gateway.port}")
    assert (elsewhere.status, "if nothing runs" in elsewhere.err) == (4, False)


def test_without_a_generation_there_is_nothing_to_verify(gateway):
    done = gateway.run("verify")
    assert done.status == 2
    assert "run `blockd compile`" in done.err


@pytest.mark.parametrize("server", ["nowhere", "127.0.0.1:0", "127.0.0.1:x"])
def test_an_address_that_is_none_is_wrong_use(gateway, server):
    done = gateway.run("verify", "--server", server)
    assert done.status == 2
    assert "--server: " in done.err
