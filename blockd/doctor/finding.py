"""What a check gives: a trouble with its remedy, or why it could not look. Types alone."""

from typing import NamedTuple

from blockd.errors import UnreachableError


class Finding(NamedTuple):
    """A trouble of this host, in plain words."""

    what: str
    """What happens, and where."""
    remedy: str
    """What to do about it."""


class UnseenError(UnreachableError):
    """A check could not look."""
