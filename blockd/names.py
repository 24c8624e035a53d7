"""Canonical domain names: text to and from wire form, IDNA, the walk over suffixes.

A name is kept as its canonical wire form without the root's zero octet: length-prefixed
labels in lower case (RFC 4034 6.2). That is the key of the policy, a slice of a query, and
comparable without parsing. Text appears at the edges only. No input or output here.
"""

import re
from collections.abc import Iterator, Sequence

import idna

from blockd.errors import NameFormError

MAX_LABEL = 63  # RFC 1035 2.3.4
MAX_WIRE = 255  # RFC 1035 2.3.4, the root's zero octet included

# What a list may hold as it stands: letters, digits, hyphens, and the underscore of
# service names (RFC 8552). Everything else is IDNA's business or a mistake.
_PLAIN = re.compile(
    r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*"
)
_INTERNATIONAL = re.compile(r"(?s)(?=.*[^\x00-\x7f])(?!.*[\x80-\x9f])")  # no controls of C1
_ESCAPED = re.compile(rb"[^a-z0-9_-]")
_LENGTH = tuple(bytes((octets,)) for octets in range(MAX_LABEL + 1))
_LONGEST_TEXT = 1024  # characters; IDNA takes time with the square of the length


def canonical(text: str) -> str:
    """Return a name as lower-case A-labels without the final dot.

    Args:
        text: a name with ASCII, U- or A-labels in any case, with or without a final dot.

    Raises:
        NameFormError: with a sentence that says which label is wrong and why.
    """
    if len(text) > _LONGEST_TEXT:
        raise NameFormError(f"{text[:20]!r}... has {len(text)} characters; that is no name")
    name = text.lower().removesuffix(".")
    if _PLAIN.fullmatch(name) and "xn--" not in name:
        if len(name) + 2 > MAX_WIRE:
            raise NameFormError(f"a name of {len(name)} octets; 253 are the most (RFC 1035 2.3.4)")
        return name
    return _canonical_idn(text, name)


def _canonical_idn(text: str, lowered: str) -> str:
    if not lowered:
        raise NameFormError("the root is not a name that a list may hold")
    try:
        # UTS-46 first: it folds case and width and maps the ideographic full stop to a dot.
        # Of ASCII it would fold the case alone, and take far longer.
        mapped = (
            lowered
            if lowered.isascii()
            else idna.uts46_remap(text, std3_rules=False, transitional=False).removesuffix(".")
        )
    except idna.IDNAError as error:
        raise NameFormError(f"{text!r} is no internationalised name: {error}") from None
    labels = [_label(label, text) for label in mapped.split(".")]
    name = ".".join(labels)
    if len(name) + 2 > MAX_WIRE:
        raise NameFormError(f"a name of {len(name)} octets; 253 are the most (RFC 1035 2.3.4)")
    return name


def _label(label: str, text: str) -> str:
    if not label:
        raise NameFormError(f"{text!r} has an empty label: two dots in a row, or a leading one")
    if label.isascii() and not label.startswith("xn--"):
        if len(label) > MAX_LABEL:
            raise NameFormError(
                f"the label {label[:20]!r}... has {len(label)} octets; 63 are the most"
            )
        if label.startswith("-") or label.endswith("-"):
            raise NameFormError(  # RFC 1123 2.1, RFC 5891 4.2.3.1
                f"the label {label!r} begins or ends with a hyphen; no host name may"
            )
        if not _PLAIN.fullmatch(label):
            raise NameFormError(
                f"the label {label!r} has characters other than letters, digits, '-' and '_'"
            )
        return label
    if label.startswith("xn--"):
        return _given_alabel(label)
    try:
        return idna.alabel(label).decode("ascii")
    except idna.IDNAError as error:
        raise NameFormError(f"the label {label!r} breaks IDNA 2008: {error}") from None


def _given_alabel(label: str) -> str:
    """Return an A-label as it was given, if it is one by form.

    IDNA 2008 refuses what many registries sold before it and some still sell, emoji above all.
    Such names resolve; whoever lists one in its A-form means these octets and no others, so
    that there is nothing to map. What is no punycode (RFC 3492) is a slip of the pen.
    """
    if len(label) <= MAX_LABEL and _PLAIN.fullmatch(label):
        try:
            decoded = label[4:].encode("ascii").decode("punycode")
        except (UnicodeError, OverflowError):
            decoded = ""
        if _INTERNATIONAL.search(decoded):
            return label
    raise NameFormError(f"the label {label[:70]!r} breaks IDNA: what follows xn-- is no punycode")


def to_wire(name: str) -> bytes:
    """Return a canonical text name's wire form without the root octet; shape: 1 to 254 octets."""
    # A list rather than a generator, which takes longer: a million names come this way.
    return b"".join([_LENGTH[len(label)] + label for label in name.encode("ascii").split(b".")])


def plain_wires(listed: Sequence[str]) -> list[bytes] | None:
    """Return the wire forms of many names at once; None: one of them is too long.

    Sooner than `plain_wire` for each: no name is looked at by itself.

    Args:
        listed: at least one name, of letters, digits, hyphens and underscores in labels that do
            not begin with `xn--`; that is the caller's to know.
    """
    # A line feed as a label of its own between two names, which no name holds. The dot before
    # each label makes room for its length.
    text = b"." + ".\n.".join(listed).encode("ascii").lower()
    lengths = list(map(len, text[1:].split(b".")))
    if max(lengths) > MAX_LABEL:
        return None
    wire, at = bytearray(text), 0
    for length in lengths:
        wire[at] = length
        at += 1 + length
    wires = bytes(wire).split(b"\1\n")
    return wires if max(map(len, wires)) < MAX_WIRE else None


def plain_wire(text: str) -> bytes | None:
    """Return the wire form of a text that is canonical as it stands; None: ask `parse`.

    The quick way for list lines: one match, no IDNA.
    """
    if len(text) + 2 > MAX_WIRE or _PLAIN.fullmatch(text) is None or "xn--" in text:
        return None
    return to_wire(text)


def parse(text: str) -> bytes:
    """Return the canonical wire form of a name in any spelling; raises NameFormError."""
    return to_wire(canonical(text))


def labels(wire: bytes) -> list[bytes]:
    """Return the labels of a wire name, leftmost first, without their length octets."""
    found = []
    at = 0
    while at < len(wire):
        end = at + 1 + wire[at]
        found.append(wire[at + 1 : end])
        at = end
    return found


def to_text(wire: bytes) -> str:
    """Return a wire name as text in presentation form (RFC 4343 2.1 escapes); '.' is the root."""
    return ".".join(_escape(label) for label in labels(wire)) or "."


def _escape(label: bytes) -> str:
    if _ESCAPED.search(label.lower()) is None:
        return label.decode("ascii")
    return "".join(
        chr(octet) if 0x21 <= octet <= 0x7E and octet not in b'.\\"' else f"\\{octet:03d}"
        for octet in label
    )


def to_unicode(wire: bytes) -> str:
    """Return a wire name with its A-labels shown as U-labels, as a person would write it."""
    shown = []
    for label in to_text(wire).split("."):
        try:
            shown.append(idna.ulabel(label) if label.startswith("xn--") else label)
        except idna.IDNAError:
            shown.append(label)
    return ".".join(shown)


def above(wire: bytes) -> Iterator[bytes]:
    """Yield each name above one, the nearest first, up to the top level (never the root)."""
    return suffixes(wire[1 + wire[0] :]) if wire else iter(())


def suffixes(wire: bytes) -> Iterator[bytes]:
    """Yield the name itself, then each name above it, down to the top level (never the root)."""
    at = 0
    while at < len(wire):
        yield wire[at:]
        at += 1 + wire[at]
