"""Where the shipped files go, and what systemd's own programs will make of them."""

import re

from blockd.setup import layout
from tests.setup.world import SHIPPED


def test_every_shipped_file_has_the_place_that_its_first_line_says():
    placed = {
        each.source.removeprefix("/x/"): each.path
        for each in layout.files(SHIPPED, "/x", layout.PROGRAM, networkd=True)
    }
    assert placed.keys() == SHIPPED.keys()
    for name, content in SHIPPED.items():
        if said := re.match(rb"# Installed to (\S+)\.\n", content):
            assert placed[name] == said[1].decode()
        else:
            assert placed[name] == f"/etc/systemd/system/{name}"


def test_units_that_start_another_program_say_so_and_are_no_copies():
    placed = layout.files(SHIPPED, "/x", "/srv/blockd", networkd=False)
    for each in placed:
        started = re.findall(rb"(?m)^Exec\w+=[!]?(/\S*blockd) ", each.content)
        assert set(started) <= {b"/srv/blockd"}
        assert bool(each.source) is not bool(started)


def test_users_and_directories_are_those_of_the_files():
    users = layout.users(SHIPPED[layout.SYSUSERS].decode())
    units = (content for name, content in SHIPPED.items() if name.endswith(".service"))
    assert set(users) == {re.findall(r"(?m)^User=(.*)$", content.decode())[0] for content in units}
    made = layout.made(SHIPPED[layout.TMPFILES].decode())
    assert {layout.RUN, layout.SPOOL, layout.CONFIG, layout.RULES} <= set(made)


def test_the_units_that_setup_knows_by_name_are_shipped():
    known = (
        layout.COMPILER, layout.ROUTES, layout.RESOLVER, layout.SOCKET, layout.WEB, layout.FETCH,
        layout.VERIFY, layout.NOTICE_SOCKET,
    )  # fmt: skip
    assert set(known) <= set(layout.unit_names(SHIPPED))


def test_what_is_above_a_path_ends_below_the_root():
    assert layout.above("/etc/blockd/rules.d") == ["/etc/blockd", "/etc"]
