"""Which form of an answer a client wants: Accept, RFC 9110 12.5.1. Pure."""

from blockd.hypertext.language import weight_of

HTML, PROBLEM, TEXT = "text/html", "application/problem+json", "text/plain"

_MOST = 32  # ranges that are looked at

_RANGES = {
    HTML: ("text/html", "text/*", "*/*"),
    PROBLEM: ("application/problem+json", "application/json", "application/*", "*/*"),
    TEXT: ("text/plain", "text/*", "*/*"),
}
"""The ranges that each form is of, the closest first; the forms by what is given in doubt.

Whoever takes JSON takes a problem: RFC 9457 3 makes it an object of JSON.
"""


def chosen(header: str) -> str:
    """Return the form that is wanted most, of equals the one that is named most closely.

    Where none is wanted, it is HTML all the same: RFC 9110 12.5.1 leaves that to the server.
    """
    weights: dict[str, float] = {}
    for part in header.split(",", _MOST)[:_MOST]:
        name, *parameters = part.lower().split(";")
        weight = next((weight_of(each) for each in parameters if each.strip()[:1] == "q"), 1.0)
        weights.setdefault(name.strip(), weight)
    best, most = HTML, (0.0, -3)
    for form, ranges in _RANGES.items():
        near = next((each for each in ranges if each in weights), "")
        rank = weights.get(near, 0.0), -near.count("*")
        if rank[0] and rank > most:
            best, most = form, rank
    return best
