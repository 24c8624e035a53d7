"""What one line of a feed says, or its top: the word between a format and who counts."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from blockd.prefixes import Prefix
from blockd.watchlist.model import Rule, Scope


class Found(NamedTuple):
    """What one line says. All empty: nothing, as a comment does."""

    names: Sequence[tuple[bytes, Scope, Rule]] = ()
    prefixes: Sequence[tuple[Prefix, Rule]] = ()
    problems: Sequence[str] = ()
    """Sentences about what is wrong; the first is shown, the others are counted."""
    unsupported: str = ""
    """The kind of a line that is well formed, and that blockd has nothing for."""
    detail: str = ""
    """More about it."""
    is_entry: bool = False
    """It counts as an entry line though no entry comes of it here."""
    is_second_family: bool = False
    """It says of IPv6 what another line may say of IPv4: the pair is no duplicate."""


class Top(NamedTuple):
    """What the lines at the top of a source, which list nothing, say about all others."""

    says: object
    """Equal to that of another top if all lines below mean the same under both."""
    comments: int
    blanks: int


NOTHING = Found()

Reader = Callable[[str], Found]
"""Tells what a line means, its end and outer blanks taken off; never called with an empty one."""
