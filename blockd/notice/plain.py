"""The notice for programs: as text, and as a problem in JSON (RFC 9457). Pure."""

from http import HTTPStatus

import msgspec

from blockd.notice import facts
from blockd.notice.facts import Blocked
from blockd.notice.words import Words


def text_of_blocked(words: Words, about: Blocked) -> str:
    """Return the notice as lines of text."""
    rows = [f"{name}: {value}" for name, value in facts.rows(words, about)]
    parts = facts.title(words, about), facts.why(words, about), "\n".join(rows)
    return "\n\n".join([*parts, facts.objection(words, about)]) + "\n"


def text_of_other(words: Words, name: str) -> str:
    """Return the answer about any other name, as lines of text."""
    return "\n\n".join(facts.other(words, name)) + "\n"


def problem_of_blocked(words: Words, about: Blocked) -> str:
    """Return the notice as a problem; its further members are called as in a list."""
    rule = about.rule
    members = {
        "name": about.name, "entry": about.entry, "platform": rule.id, "list": rule.list_name,
        "authority": rule.authority, "basis": rule.basis, "reference": rule.reference,
        "listed": rule.listed, "expires": rule.expires, "contact": rule.contact,
        "operator": about.operator,
    }  # fmt: skip
    status = HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS
    detail = f"{facts.title(words, about)}. {facts.why(words, about)}"
    return _problem(status, detail, {name: value for name, value in members.items() if value})


def problem_of_other(words: Words, name: str, status: HTTPStatus) -> str:
    """Return the answer about any other name as a problem."""
    return _problem(status, facts.other(words, name)[1], {"name": name} if name else {})


def _problem(status: HTTPStatus, detail: str, members: dict[str, object]) -> str:
    # RFC 9457 4.2.1: without a type the title is the status's own.
    found = {"title": status.phrase, "status": status.value, "detail": detail, **members}
    return msgspec.json.encode(found).decode() + "\n"
