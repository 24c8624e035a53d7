"""A hosts file (hosts(5)): single names, and the address that each one has instead of its own.

It says nothing of what is below a name, so that exceptions need no line, and nothing of
prefixes.
"""

from collections.abc import Iterator

from blockd.policy.export.contents import Contents, blocks

_NOTE = "a hosts file has an address for each name: 0.0.0.0 and :: where nothing else is said"
_BELOW = "names taken without what is below them, since a hosts file knows single names"


def lines(contents: Contents) -> Iterator[str]:
    """Yield the file's lines."""
    yield from contents.header("#", "hosts file", (_NOTE,))
    for listed in contents.names_for_all_transports():
        if blocks(listed.below):
            contents.lose(_BELOW)
        if blocks(listed.itself):
            action = contents.action(listed.itself, alone=listed.alone)
            for address in contents.addresses(listed.itself, action) or _NOWHERE:
                yield f"{address} {listed.text}"
    contents.lose(
        "prefixes left out, since a hosts file knows names alone", contents.record.prefixes
    )
    yield from contents.footer("#")


_NOWHERE = ("0.0.0.0", "::")  # noqa: S104 - an answer
