"""The record: what it says is what was written, and what is none is refused."""

import pytest

from blockd.errors import ConfigError
from blockd.setup import record
from blockd.setup.record import Record


def test_a_record_is_read_as_it_was_written():
    made = Record(
        written={"/etc/a": ("1",)}, directories=("/etc/b",), enabled=("c",), resolved=True
    )
    assert record.read(record.write(made)) == made
    assert record.read(None) == Record()
    assert record.write(made).endswith(b"}\n")


@pytest.mark.parametrize("content", [b"", b"{", b'{"writen": {}}', b'{"written": 5}'])
def test_what_is_no_record_is_refused_with_the_remedy(content):
    with pytest.raises(ConfigError, match=r"/etc/blockd/setup.json is not what setup wrote"):
        record.read(content)


def test_while_a_file_is_written_both_of_its_contents_are_known_and_then_one():
    first = record.digest(b"1")
    begun = Record(written={"/etc/a": (first,)})
    both = record.known(begun, "/etc/a", b"2")
    assert both == (record.digest(b"2"), first)
    assert record.known(begun, "/etc/a", b"1") == (first,)
    done = record.done(Record(written={"/etc/a": both, "/etc/b": ("3",)}), ["/etc/b"], ["x"])
    assert done == Record(written={"/etc/a": both[:1]}, enabled=("x",))
