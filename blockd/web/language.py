"""Which language a reader wants: Accept-Language, RFC 9110 12.5.4. Pure."""

from blockd.web.words import LANGUAGES

_DEFAULT = "en"


def chosen(header: str) -> str:
    """Return a language that there is: the one with the highest weight, the earlier of equals."""
    best, weight = _DEFAULT, 0.0
    for part in header.split(","):
        tag, _, parameters = part.partition(";")
        language = tag.strip().lower().partition("-")[0]
        wanted = _weight(parameters)
        if language in LANGUAGES and wanted > weight:
            best, weight = language, wanted
    return best


def _weight(parameters: str) -> float:
    name, _, value = parameters.partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return max(0.0, min(1.0, float(value)))
    except ValueError:
        return 0.0
