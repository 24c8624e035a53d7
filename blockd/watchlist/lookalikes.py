"""Names that look like others, or hold what nobody sees: what no list takes as it is written. Pure.

A label that mixes the letters of alphabets which look alike (UTS 39 5.2, moderately restrictive),
one that could pass for an ASCII label as a whole, and characters that UTS 46 takes out. Whoever
means such a name, as a list against it may, writes its A-label (`xn--`), which hides nothing.
"""

import unicodedata

import idna

from blockd.errors import NameFormError

_ALPHABETS = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU"})
"""Whose letters look like each other's. Others may stand beside any of them: 漫画club, 한국tv."""

_JOINERS = "\u200c\u200d"
"""Taken out by nothing: where they may stand is IDNA's business (RFC 5892 A.1, A.2)."""

_ALIKE = str.maketrans(
    # Letters of one alphabet that are drawn as those of ASCII are.
    # Of Latin's own, those of phonetics; a letter of some language, as Turkish's, is no disguise.
    "асԁеԍһіјӏорԛѕԝхуѵαικνορυχօսոհցⲁⲓⲟⲣⲥⲭɡɩʏɪʀʟɴʜʙɢᴄᴏᴠᴡᴢ",
    "acdeghijlopqswxyvaikvopuxounhgaiopcxgiyirlnhbgcovwz",
)  # fmt: skip


def check(text: str) -> None:
    """Accept a name that is what it looks like.

    Args:
        text: a name with U-labels, in any case.

    Raises:
        NameFormError: with a sentence that says where it is not, and what to write instead.
    """
    for place, character in enumerate(text, 1):
        if not character.isascii() and character not in _JOINERS and _vanishes(character):
            raise NameFormError(
                f"{text!r} has the invisible U+{ord(character):04X} as its character {place};"
                " write the name without it"
            )
    labels = unicodedata.normalize("NFKC", text).lower().replace("。", ".").rstrip(".").split(".")
    for label in labels:
        if not label.isascii():
            _check_label(label, is_last_ascii=labels[-1].isascii())


def _check_label(label: str, *, is_last_ascii: bool) -> None:
    found: dict[str, str] = {}
    for character in label:
        alphabet = _alphabet(character)
        if alphabet:
            found.setdefault(alphabet, character)
    if len(found) > 1:
        mixed = " with ".join(
            f"{alphabet.capitalize()} {character!r} (U+{ord(character):04X})"
            for alphabet, character in sorted(found.items(), key=lambda one: label.index(one[1]))
        )
        raise NameFormError(
            f"the label {label!r} mixes letters that look alike, {mixed}; if it is meant so, write"
            f" {_alabel(label)}"
        )
    alike = label.translate(_ALIKE)
    # Under a top level in its own letters it is a word like any other.
    if is_last_ascii and alike.isascii():
        raise NameFormError(
            f"the label {label!r} is all {next(iter(found)).capitalize()} and looks like {alike!r};"
            f" if it is meant so, write {_alabel(label)}"
        )


def _alphabet(character: str) -> str:
    """Return whose letter a character is, where that is one of those that look alike."""
    word = unicodedata.name(character, "").partition(" ")[0]
    return word if word in _ALPHABETS and unicodedata.category(character)[0] == "L" else ""


def _vanishes(character: str) -> bool:
    try:
        return not idna.uts46_remap(character, std3_rules=False, transitional=False)
    except idna.IDNAError:
        return False  # it is refused by its own


def _alabel(label: str) -> str:
    try:
        return idna.alabel(label).decode("ascii")
    except idna.IDNAError:
        return "its A-label, which begins with xn--"
