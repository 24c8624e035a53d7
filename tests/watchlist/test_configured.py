"""Sources by the configuration: their order, their terms, the spool, and what must be signed."""

import itertools

import pytest

from blockd import config as configuration
from blockd.errors import ListError
from blockd.minisign import signature as signatures
from blockd.minisign.keys import SecretKey
from blockd.minisign.signature import SUFFIX
from blockd.publishers import Url
from blockd.watchlist import configured, sources

KEY, NEXT, FOREIGN = (SecretKey.make(bytes([n]) * 8, bytes([n]) * 32) for n in (1, 2, 3))
URL = "https://lists.example/some/list.txt?kind=all"
LIST = b"a.example\n"


def parse(place, text):
    return configuration.parse(text.replace("PLACE", str(place)), "x")


def sign(path, key=KEY, comment="serial:7", content=None):
    made = signatures.sign(path.read_bytes() if content is None else content, key, comment)
    path.with_name(path.name + SUFFIX).write_text(made.file("x"))


@pytest.fixture
def place(tmp_path):
    for name in ("rules/a.txt", "rules/b.txt", "more/c.rpz", "more/d.rpz", "z.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(LIST)
    return tmp_path


def test_paths_come_first_then_the_tables_in_their_order(place):
    config = parse(place, "list.paths = ['PLACE/rules']\n[[list.source]]\npath = 'PLACE/z.txt'\n"
                   "[[list.source]]\npath = 'PLACE/more'\n")  # fmt: skip
    found, issues = configured.read(config)
    assert [source.path.removeprefix(f"{place}/") for source in found] == [
        "rules/a.txt", "rules/b.txt", "z.txt", "more/c.rpz", "more/d.rpz",
    ]  # fmt: skip
    assert issues == []


def test_a_file_belongs_to_the_first_table_that_names_it(place):
    (place / "link.txt").symlink_to("rules/a.txt")
    config = parse(place, "list.paths = ['PLACE/rules']\n"
                   "[[list.source]]\npath = 'PLACE/link.txt'\naction = 'drop'\n"
                   "[[list.source]]\npath = 'PLACE/rules/a.txt'\naction = 'nodata'\n")  # fmt: skip
    found, _ = configured.read(config)
    assert [(source.path.rpartition("/")[2], source.terms.action) for source in found] == [
        ("b.txt", "given"), ("link.txt", "drop"),
    ]  # fmt: skip


def test_a_table_gives_its_terms_to_all_in_its_directory(place):
    config = parse(place, "list.paths = []\n[[list.source]]\npath = 'PLACE/more'\nformat = 'rpz'\n"
                   "enforce = false\nauthority = 'Example'\nbudget = 3\n")  # fmt: skip
    found, _ = configured.read(config)
    for source in found:
        terms = source.terms
        assert (terms.format, terms.enforce, terms.authority) == ("rpz", False, "Example")
        assert str(source.budget) == "3"
        assert source.signed is None
    assert len(found) == 2


def test_what_was_fetched_is_read_from_the_spool_and_called_by_its_url(place):
    config = parse(place, f"list.paths = []\nfetch.spool = 'PLACE/spool'\n"
                   f"[[list.source]]\nurl = '{URL}'\n")  # fmt: skip
    with pytest.raises(ListError, match="was never fetched.*run `blockd fetch`"):
        configured.read(config)
    path = configured.spooled(str(place / "spool"), Url.parse(URL))
    path.parent.mkdir()
    path.write_bytes(LIST)
    ((source,), _) = configured.read(config)
    assert (source.path, source.content) == (URL, LIST)
    assert configured.watched(config) == [str(path)]


def test_names_in_the_spool_are_legible_and_never_the_same_nor_elsewhere():
    urls = [
        "https://a.example/x", "https://a.example/x?", "https://a.example/y", "https://b.example/x",
        "https://a.example/../../etc/passwd", f"https://a.example/{'n' * 900}", "https://[::1]/",
    ]  # fmt: skip
    paths = [configured.spooled("/spool", Url.parse(url)) for url in urls]
    assert len({*paths}) == len(urls)
    assert all(str(path.parent) == "/spool" and len(path.name) < 128 for path in paths)
    assert paths[0].name.endswith("-a.example_x")


SIGNED = "list.paths = []\n[[list.source]]\npath = 'PLACE/z.txt'\nkey = {}\n"


def test_what_one_of_the_pinned_keys_signed_is_taken_with_its_serial(place):
    config = parse(place, SIGNED.format([str(KEY.public), str(NEXT.public)]))
    for key, serial in itertools.product((KEY, NEXT), (7, 8)):
        sign(place / "z.txt", key, f"timestamp:5 serial:{serial}")
        ((source,), _) = configured.read(config)
        assert (source.content, source.signed.serial, source.signed.key) == (
            LIST, serial, key.public.id,
        )  # fmt: skip
        assert source.keys == (KEY.public.id, NEXT.public.id)
    assert configured.watched(config) == [f"{place}/z.txt"]


def test_between_the_renames_of_signature_and_list_nothing_is_refused(place, monkeypatch):
    path = place / "z.txt"
    sign(path, content=b"new.example\n")
    read = sources.read

    def replaced(file):
        content = read(file)
        path.write_bytes(b"new.example\n")
        return content

    monkeypatch.setattr(sources, "read", replaced)
    ((source,), _) = configured.read(parse(place, SIGNED.format([str(KEY.public)])))
    assert (source.content, source.signed.serial) == (b"new.example\n", 7)


UNSIGNED = [
    (lambda _: None, "is not signed: there is no "),
    (lambda path: sign(path, FOREIGN), "which is not among the pinned ones"),
    (lambda path: sign(path, content=b"b.example\n"), "it does not fit the content"),
    (lambda path: sign(path, comment="no number"), "neither `serial:N` nor `timestamp:N`"),
    (lambda path: path.with_name(path.name + SUFFIX).write_text("<html>"), "is no signature of"),
    (lambda path: path.with_name(path.name + SUFFIX).mkdir(), "cannot be read: Is a directory"),
]


@pytest.mark.parametrize(("make", "said"), UNSIGNED)
def test_what_is_not_signed_as_it_must_be_is_not_even_read(place, make, said):
    make(place / "z.txt")
    with pytest.raises(ListError, match=r"z\.txt") as caught:
        configured.read(parse(place, SIGNED.format([str(KEY.public)])))
    assert said in str(caught.value)


def test_a_table_without_a_key_needs_no_signature_and_looks_at_none(place):
    (place / f"z.txt{SUFFIX}").write_text("nonsense")
    ((source,), _) = configured.read(
        parse(place, "list.paths = []\n[[list.source]]\npath='PLACE/z.txt'")
    )
    assert source.signed is None
