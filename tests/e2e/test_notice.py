"""The notice service as clients meet it: by the resolver, a socket unit, curl and a browser.

Pictures are kept in pytest's temporary directory of this run (`--basetemp`).
"""

import re
import shutil
from pathlib import Path

import pytest

from tests import topology
from tests.browser import browser
from tests.e2e import host
from tests.e2e.gateway import NAME_SERVERS, UNREACHED, program, until
from tests.e2e.test_page import READERS, brightness
from tests.topology import CLIENT_V4, CLIENT_V6, GATEWAY_V4

SOCKET, NOTICE = "blockd-notice.socket", "blockd-notice.service"
PLANES = ("blockd.service", "blockd-resolver.service")
V4, V6 = "10.55.0.80", "fd55::80"
OPERATOR = "https://isp.example/blocking"
README = (topology.repository() / "README.md").read_text("utf-8")


def shown(name):
    """Return what the README shows under a marker."""
    (text,) = re.findall(rf"<!-- notice: {name} -->\n```\n(.*?)```", README, re.DOTALL)
    return text


LIST = f"""\
[list]
name = "Test list"
authority = "Example Authority"
basis = "order"
reference = "Notice 7"
contact = "mailto:desk@authority.example"

[[platform]]
id = "p001"
name = "Example Exchange"
domains = ["listed.example", "bücher.example"]
expires = 2099-12-31
{shown("platform")}"""
MORE = f"""
[[platform]]
id = "p002"
domains = ["more.example"]
action = "address"
addresses = ["{V4}"]
"""
CONFIG = f"""\
[resolver]
upstreams = {list(NAME_SERVERS)}
[list]
paths = ["/etc/blockd/rules.d"]
[[list.source]]
path = "/srv/feed.txt"
authority = "Example Association"
action = "cname {V4.replace(".", "-")}.at.test"
{shown("configuration")}"""


@pytest.fixture(scope="module")
def machine(net):
    with host.booted(net.gateway) as booted:
        booted.write("/etc/blockd/rules.d/list.toml", LIST)
        booted.write("/etc/blockd/blockd.toml", CONFIG)
        booted.write("/srv/feed.txt", "feed-001.example\n")
        booted.write(f"/etc/systemd/system/{SOCKET}.d/listen.conf", shown("socket"))
        booted.systemctl("daemon-reload")
        booted.systemctl("start", SOCKET, *PLANES)
        # After the socket: FreeBind= lets the address come when it comes.
        net.gateway.ip(f"address add {V4}/32 dev lo")
        net.gateway.ip(f"address add {V6}/128 dev lo")
        yield booted
        net.gateway.ip(f"address del {V4}/32 dev lo")
        net.gateway.ip(f"address del {V6}/128 dev lo")


@pytest.fixture(scope="module")
def client(net, machine):  # noqa: ARG001 - whose resolver it is
    """The client's namespace, whose programs ask the gateway's resolver."""
    directory = Path("/etc/netns") / net.client.name
    directory.mkdir(parents=True)
    (directory / "resolv.conf").write_text(f"nameserver {GATEWAY_V4}\n")
    yield net.client
    shutil.rmtree(directory)


def curl(client, *words):
    """Fetch something; return curl's exit status and what it prints, fields included."""
    argv = [program("curl"), "-sS", "-i", "--noproxy", "*", "-m", "10", *words]
    done = client.run(*argv, check=False)
    return done.returncode, done.stdout


def test_the_first_client_starts_it_and_is_told_why(machine, client):
    assert machine.show(NOTICE, "ActiveState") == "inactive"
    status, text = curl(client, "http://www.listed.example/")
    assert status == 0
    assert text.startswith("HTTP/1.1 451 Unavailable For Legal Reasons\n")
    assert f'Link: <{OPERATOR}>; rel="blocked-by"' in text
    assert "By order of <bdi>Example Authority</bdi>" in text
    until(lambda: machine.show(NOTICE, "ActiveState") == "active", "ready")


@pytest.mark.parametrize("words", [("-4",), ("-6",), ("-I",), ("-X", "POST", "-d", "a=b")])
def test_every_client_of_a_listed_name_is_told(client, words):
    status, text = curl(client, *words, "http://xn--bcher-kva.example:80/a?b=c")
    assert (status, text.split(" ")[1]) == (0, "451")
    assert ("bücher.example" in text) is (words != ("-I",))


def test_a_whole_source_can_send_its_names_there(client):
    _, text = curl(client, "-H", "Accept: application/json", "http://www.feed-001.example/")
    assert text.startswith("HTTP/1.1 451 ")
    assert '"entry":"feed-001.example"' in text
    assert '"authority":"Example Association"' in text


def test_the_readme_shows_what_a_client_sees(client):
    command, _, expected = shown("curl").removeprefix("$ ").partition("\n")
    said = client.run("sh", "-c", command).stdout.replace("\r", "").splitlines()
    lines = [line for line in expected.splitlines() if not line.startswith("Date: ")]
    assert [line for line in lines if line not in said] == []


@pytest.mark.parametrize("name", ["www.open.example", "198.18.0.9"])
def test_an_address_that_others_come_to_says_that_nothing_is_blocked(client, name):
    _, text = curl(client, "--connect-to", f"::{V4}:80", f"http://{name}/")
    assert text.split(" ")[1] in {"421", "404"}
    assert "Link:" not in text


def test_a_change_of_the_list_holds_at_once(machine, client):
    asked = ("--connect-to", f"::{V4}:80", "http://more.example/")
    assert curl(client, *asked)[1].startswith("HTTP/1.1 421 ")
    machine.write("/etc/blockd/rules.d/more.toml", MORE)
    machine.systemctl("reload", "blockd.service")
    assert curl(client, "http://more.example/")[1].startswith("HTTP/1.1 451 ")
    machine.path("/etc/blockd/rules.d/more.toml").unlink()
    machine.systemctl("reload", "blockd.service")
    assert curl(client, *asked)[1].startswith("HTTP/1.1 421 ")


def test_a_restart_keeps_clients_waiting_and_loses_none(machine, client):
    before = machine.show(NOTICE, "MainPID")
    machine.systemctl("restart", "--no-block", NOTICE)
    for _ in range(10):
        status, text = curl(client, "http://listed.example/")
        assert (status, text[:12]) == (0, "HTTP/1.1 451")
    until(lambda: machine.show(NOTICE, "MainPID") not in {"0", before}, "another process")


def test_it_has_no_privilege_no_network_and_no_word_about_its_clients(machine, client):
    curl(client, "http://secret.listed.example/")
    main = machine.show(NOTICE, "MainPID")
    status = machine.path(f"/proc/{main}/status").read_text()
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert f"{name}:\t0000000000000000" in status
    assert machine.run("stat", "-c", "%U:%G", f"/proc/{main}").stdout == "blockd-notice:blockd\n"
    own, hosts = (machine.path(f"/proc/{pid}/ns/net").readlink() for pid in (main, 1))
    assert own != hosts
    said = machine.run("journalctl", "--output=export", "--no-pager", f"--unit={NOTICE}").stdout
    assert f"http://{V4}:80/" in said
    for trace in (CLIENT_V4, CLIENT_V6, "secret", "listed.example"):
        assert trace not in said
    shown = machine.run("blockd", "status", check=False).stdout
    (row,) = [line for line in shown.splitlines() if line.startswith("notice")]
    assert "ready" in row
    assert f"{V4}:80" in row


@pytest.fixture(scope="module")
def reader(client, tmp_path_factory):
    with browser(client, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return tmp_path_factory.mktemp("notices")


@pytest.mark.parametrize("kind", READERS)
def test_it_looks_as_the_reader_wants_it(reader, pictures, kind):
    wanted = READERS[kind]
    reader.reader(**wanted)
    reader.open("http://www.listed.example/some/page")
    picture = reader.keep(pictures / f"blocked-{kind}.png")
    assert (brightness(picture) < 64) is wanted.get("dark", False)
    chinese = wanted["language"].startswith("zh")
    assert ("已被封锁" in reader.text) is chinese
    assert reader.value("document.documentElement.lang") == ("zh-Hans" if chinese else "en")
    for fact in ("www.listed.example", "Example Authority", "Notice 7", "2099-12-31", OPERATOR):
        assert fact in reader.text
    assert reader.value("document.documentElement.scrollWidth <= innerWidth")
    # The style is in force, though nothing else may be.
    assert reader.value("getComputedStyle(document.querySelector('.why')).fontWeight") == "600"


def test_a_name_that_no_list_has_is_told_so(reader, pictures):
    reader.reader()
    reader.open(f"http://{V4}/")
    assert "You asked for none of them." in reader.text
    reader.keep(pictures / "bare.png")


def test_it_asks_for_nothing_else(reader):
    opened = {"http://www.listed.example/some/page", f"http://{V4}/"}
    assert {url for url in reader.requested if not url.startswith("data:")} == opened


def test_https_is_refused_as_the_readme_says(client, reader):
    assert curl(client, "-k", "https://www.listed.example/")[0] == UNREACHED
    found = reader.call("Page.navigate", url="https://www.listed.example/")
    assert found["errorText"] == "net::ERR_CONNECTION_REFUSED"


def test_stopped_it_is_gone(machine, client):
    machine.systemctl("stop", SOCKET, NOTICE)
    assert curl(client, "http://www.listed.example/")[0] == UNREACHED
