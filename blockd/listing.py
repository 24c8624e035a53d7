"""`[list]` and `[fetch]` of the configuration: where lists come from, and what holds for each.

Key names are a contract with operators, as in `config`, which reads the file. Pure.
"""

from msgspec import Struct

from blockd import names
from blockd.errors import NameFormError
from blockd.publishers import PublicKeys, Url
from blockd.terms import Basis, ListFormat, Override
from blockd.values import Duration, Share, Size


class Terms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the operator says about a source, beside or in place of what it says itself."""

    action: str = Override.GIVEN
    """One of `Override`; `cname` with a name behind it."""
    format: ListFormat | None = None
    """None: by the file's name, or by what it looks like."""
    enforce: bool = True
    """False: compiled, matched and counted, but nothing is blocked by it."""
    authority: str = ""
    """On whose word; this and the next three hold where a feed itself says nothing of it."""
    basis: Basis | None = None
    """None: `policy`, for a feed."""
    reference: str = ""
    contact: str = ""


class SourceSection(Terms, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[list.source]]`: one source, or a directory of them, and what holds for it alone."""

    path: str = ""
    url: Url | None = None
    """Where `blockd fetch` gets it from."""
    budget: Share | None = None
    """In place of the guard's."""
    key: PublicKeys = PublicKeys()
    """Keys of which one must have signed it; none: it needs no signature."""

    def __post_init__(self) -> None:
        """Refuse a table without a place, or with two."""
        if bool(self.path) == bool(self.url):
            raise ValueError("a source has either a `path` or a `url`")

    @property
    def place(self) -> str:
        """Its path or URL, which is its name in all that is said of it."""
        return str(self.url or self.path)


class ListSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`[list]`: where the watched list comes from."""

    paths: tuple[str, ...] = ("/etc/blockd/rules.d",)
    source: tuple[SourceSection, ...] = ()

    @property
    def places(self) -> tuple[str, ...]:
        """Every path and URL, in the order in which response policy zones count."""
        return (*self.paths, *(each.place for each in self.source))


class FetchSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`[fetch]`: how `blockd fetch` gets the sources that have a URL."""

    spool: str = "/var/spool/blockd"
    """The directory that it writes and the compiler reads."""
    ca: str = ""
    """A PEM file of authorities to trust in place of the system's."""
    largest: Size = Size(256 << 20)
    """Of one list, as it is sent."""
    timeout: Duration = Duration(300)
    """For one list, from the first packet to the last."""


def contradiction(section: ListSection) -> str:
    """Return what is wrong with values that are well formed each; empty: nothing."""
    for number, source in enumerate(section.source):
        problem = _override_problem(source.action)
        if problem:
            return f"list.source[{number}].action: {problem}"
    places = [source.place for source in section.source]
    twice = next((place for place in places if places.count(place) > 1), "")
    return f"list.source: {twice} stands in two tables; keep one" if twice else ""


def _override_problem(text: str) -> str:
    """Return what is wrong with the `action` of a source; empty: nothing."""
    word, _, target = text.partition(" ")
    word = word.lower()
    if word not in set(Override) or bool(target.strip()) != (word == Override.CNAME):
        words = ", ".join(f"{each} NAME" if each == Override.CNAME else each for each in Override)
        return f"{text!r} is none; write one of {words}"
    if target:
        try:
            names.parse(target.strip())
        except NameFormError as error:
            return str(error)
    return ""
