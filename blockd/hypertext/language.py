"""Which language a reader wants, and sentences in it. Pure.

The sentences stand with the pages that say them: `web.words`, `notice.words`.
"""

from collections.abc import Mapping
from typing import ClassVar

LANGUAGES = {"en": "en", "zh": "zh-Hans"}
"""Languages, and how HTML names them (BCP 47)."""

_DEFAULT = "en"


class Sentences:
    """One language; derived with the sentences of some pages."""

    __slots__ = ("language",)

    chinese: ClassVar[Mapping[str, str]] = {}
    """Every sentence in English, and what it is in Chinese."""

    def __init__(self, language: str) -> None:
        """Take a key of `LANGUAGES`."""
        self.language = language

    def __call__(self, sentence: str, **fields: object) -> str:
        """Return a sentence of `chinese` in this language, its fields filled in."""
        text = self.chinese[sentence] if self.language == "zh" else sentence
        return text.format(**fields)

    def known(self, word: str) -> str:
        """Return a word of a record in this language; one of a later version stays as it is."""
        return self(word) if word in self.chinese else word


def chosen(header: str) -> str:
    """Return a language that there is: the one with the highest weight, the earlier of equals.

    Args:
        header: Accept-Language, RFC 9110 12.5.4; empty where there is none.
    """
    best, weight = _DEFAULT, 0.0
    for part in header.split(","):
        tag, _, parameters = part.partition(";")
        language = tag.strip().lower().partition("-")[0]
        wanted = weight_of(parameters)
        if language in LANGUAGES and wanted > weight:
            best, weight = language, wanted
    return best


def weight_of(parameter: str) -> float:
    """Return the weight that `q=0.5` says (RFC 9110 12.4.2): 0 to 1; 1 where it says none."""
    name, _, value = parameter.partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return max(0.0, min(1.0, float(value)))
    except ValueError:
        return 0.0
