"""Every man page, as man-db and mandoc read it."""

from datetime import date

import pytest

from blockd import config_text
from blockd.cli.app import build
from blockd.manual import pages, roff
from blockd.manual.topics import TOPICS
from tests.manual.reading import complaints, formatted

ALL = {f"{page.name}.{page.section}": page for page in pages.pages(build())}


def source(name):
    return roff.render(ALL[name], "1.2", date(2026, 11, 25))


def test_there_is_a_page_for_each_verb_each_file_and_each_topic():
    verbs = {f"blockd-{verb}.8" for verb in build().commands}
    files = {"blockd.toml.5", "blockd-list.5"}
    others = {f"blockd-{topic}.7" for topic in TOPICS} - {
        "blockd-configuration.7", "blockd-list.7", "blockd-feeds.7",
    }  # fmt: skip
    assert set(ALL) == {"blockd.8"} | verbs | files | others


def test_mandoc_and_groff_have_nothing_to_say(tmp_path):
    for name in ALL:
        path = tmp_path / name
        path.write_text(source(name), encoding="ascii")
        assert complaints(path) == [], name
    everything = "".join(source(name) for name in ALL)
    assert "`" not in formatted(everything)  # a mark that has no end


@pytest.mark.parametrize("section", config_text.SECTIONS)
def test_every_key_of_the_configuration_stands_in_its_page(section):
    shown = " ".join(formatted(source("blockd.toml.5")).split())
    for key in config_text.keys(section):
        assert f" {key.name}" in shown
        assert key.text.replace("`", "") in shown


def test_the_overview_names_every_verb_and_exit_status():
    shown = " ".join(formatted(source("blockd.8")).split())
    for verb in build().commands:
        assert f"blockd {verb}" in shown
    assert "4 A daemon or the kernel cannot be reached." in shown
    assert "/etc/blockd/blockd.toml" in shown
