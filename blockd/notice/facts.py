"""What is told of a blocked name, in the order of its rows, whatever form it takes. Pure."""

from typing import NamedTuple

from blockd import names
from blockd.notice.words import Words
from blockd.policy.lookup import Verdict
from blockd.terms import Basis
from blockd.watchlist.model import Rule

_SENTENCES = {
    Basis.ORDER: "By order of {authority}, this network connects nobody to this site.",
    Basis.POLICY: "By a policy of {authority}, this network connects nobody to this site.",
    Basis.REQUEST: "At the request of {authority}, this network connects nobody to this site.",
}
_NO_WORD = (
    "It is on a list by which this network connects nobody to this site. On whose word, the list"
    " does not say."
)
_TURN_TO = "Turn to {contact}, and name what stands above."
_NOBODY = (
    "The list names nobody to turn to: ask whoever runs this network, and name what stands above."
)
_NOT_LISTED = "Nothing is blocked under this name"
_LEADS = (
    "No list here names {name} itself. Either it leads to a name or an address that is listed, or"
    " it was taken off the list a moment ago: then try again in some minutes."
)
_BARE = "This address tells why a site is blocked"
_NONE_ASKED = "Names that are blocked on this network lead here. You asked for none of them."


class Blocked(NamedTuple):
    """A name and what blocks it."""

    name: str
    """As it was asked for, in canonical form."""
    entry: str
    """The listed name: itself or one above it."""
    rule: Rule
    operator: str
    """Who carries the block out, as a URI; empty: the configuration does not say."""


def blocked(name: bytes, verdict: Verdict, operator: str) -> Blocked:
    """Return what is told of a name, given in canonical wire form, that a rule blocks."""
    return Blocked(names.to_text(name), names.to_text(verdict.matched), verdict.rule, operator)


def shown(name: str) -> str:
    """Return a canonical name as a person writes it, with its canonical form where they differ."""
    unicode = names.to_unicode(names.to_wire(name))
    return name if unicode == name else f"{unicode} ({name})"


def title(words: Words, about: Blocked) -> str:
    """Return that it is blocked, in a sentence without its full stop."""
    return words("{name} is blocked", name=shown(about.name))


def why(words: Words, about: Blocked) -> str:
    """Return on whose word it is blocked, in a sentence."""
    rule = about.rule
    if not rule.authority:
        return words(_NO_WORD)
    return words(_SENTENCES[rule.basis], authority=rule.authority)


def objection(words: Words, about: Blocked) -> str:
    """Return whom to ask, in a sentence."""
    contact = about.rule.contact
    return words(_TURN_TO, contact=spoken(contact)) if contact else words(_NOBODY)


def spoken(link: str) -> str:
    """Return a URI as people say it: a mailbox or a number without its scheme."""
    return link.removeprefix("mailto:").removeprefix("tel:")


def rows(words: Words, about: Blocked) -> list[tuple[str, str]]:
    """Return every fact that is known, with what it is called."""
    rule = about.rule
    expires = words("{day}, at the end of that day, UTC", day=rule.expires) if rule.expires else ""
    found = [
        (words("site"), shown(about.name)),
        (words("entry"), shown(about.entry) if about.entry != about.name else ""),
        (words("platform"), ", ".join(dict.fromkeys(filter(None, (rule.id, rule.name))))),
        (words("list"), rule.list_name),
        (words("on the word of"), rule.authority),
        (words("basis"), words.known(rule.basis)),
        (words("reference"), rule.reference),
        (words("listed"), str(rule.listed or "")),
        (words("expires"), expires),
        (words("contact"), rule.contact),
        (words("carried out by"), about.operator),
    ]
    return [(name, value) for name, value in found if value]


def other(words: Words, name: str) -> tuple[str, str]:
    """Return title and sentence about a name that no list has; empty: none was asked for."""
    if not name:
        return words(_BARE), words(_NONE_ASKED)
    return words(_NOT_LISTED), words(_LEADS, name=shown(name))
