"""What `blockd explain` found, in words: the verdict, then the facts. Pure.

The verdict is about what is enforced. Where that cannot be seen it says so, and what the list says
alone. Nothing is looked up here.
"""

from typing import TYPE_CHECKING, Any

from blockd.cli import output

if TYPE_CHECKING:
    from blockd.minisign.signature import Signed
    from blockd.prefixes import Prefix


def verdict(found: dict[str, Any]) -> str:
    """Return the verdict of a name or address, as the rest of a sentence about it."""
    plane = "resolver" if "resolver" in found else "kernel"
    if found["enforced"] is None:
        return _unseen(found, plane)
    if "hidden" in found:
        return f"is blocked for what it leads to or contains ({found['hidden']})"
    if not found["on_list"]:
        return _unlisted(found, plane)
    if found.get("open"):
        return _open(found)
    return "is blocked" if found["enforced"] else f"is listed, but the {plane} does not block it"


def lines(found: dict[str, Any]) -> list[str]:
    """Return all that is said, the verdict first."""
    signed: Signed | None = found["signed"]
    platform = ", ".join(part for part in (found.get("platform"), found.get("name")) if part)
    also = f" ({found['unicode']})" if "unicode" in found else ""
    facts = output.facts(
        [
            ("entry", found.get("entry")),
            ("stands in", found.get("origin")),
            ("signed", f"edition {signed.serial}, with key {signed.key}" if signed else None),
            ("exception" if found.get("exception") else "platform", platform),
            ("reason", found.get("reason")),
            ("answered for by", found.get("owner")),
            ("list", found.get("list")),
            ("on the word of", found.get("authority")),
            ("basis", found.get("basis")),
            ("reference", found.get("reference")),
            ("contact", found.get("contact")),
            ("listed", found.get("listed")),
            ("in force since", _since(found.get("since"))),
            ("expires", f"{found['expires']}, at the end of that day, UTC"
             if found.get("expires") else None),
            ("generation", f"{found['generation']}, of {found['committed']:%Y-%m-%d %H:%M:%S} UTC"),
            ("resolver", found.get("resolver")),
            ("in shadow", _shadow(found.get("shadow"))),
            ("holes", ", ".join(found.get("holes", ()))),
            *(("kernel", line) for line in found["kernel"]),
        ]
    )  # fmt: skip
    return [f"{found['what']}{also} {verdict(found)}", *facts]


def bare(prefix: "Prefix") -> str:
    """Return a prefix as a person writes it: an address without its length."""
    return str(prefix).removesuffix("/32" if prefix.family == 4 else "/128")


def _unseen(found: dict[str, Any], plane: str) -> str:
    if found["on_list"]:
        return f"is listed, but the {plane} does not answer: {found['unreachable']}"
    unasked = "" if found["asked"] else f" (the {plane} was not asked)"
    return f"is not blocked: {_not_listed(found)}{unasked}"


def _unlisted(found: dict[str, Any], plane: str) -> str:
    if not found["enforced"]:
        return f"is not blocked: {_not_listed(found)}"
    if found.get("exception"):
        return f"is not blocked: it is excepted, yet the {plane} blocks it"
    return f"is not listed, yet the {plane} blocks it"


def _open(found: dict[str, Any]) -> str:
    """Say of a listed address why packets to it pass."""
    what = "packets to it pass" if found["passes"] else "it is not null-routed"
    if found["open_to"]:
        what = f"not for packets {' or '.join(found['open_to'])}"
    return f"is {'blocked, but' if found['open_to'] else 'listed, but'} {what}: {found['open']}"


def _not_listed(found: dict[str, Any]) -> str:
    return "it is excepted" if found.get("exception") else "no entry covers it"


def _since(since: dict[str, Any] | None) -> str:
    if since is None:
        return ""
    return f"generation {since['generation']}, {since['committed']:%Y-%m-%d %H:%M:%S} UTC"


def _shadow(would: dict[str, Any] | None) -> str:
    if would is None:
        return ""
    return f"{would['entry']} of {would['platform']} at {would['origin']} is counted only"
