"""Why is this blocked? What the list says of a name, an address or a prefix. Pure."""

from blockd.hypertext.markup import Child, Markup, e
from blockd.watchlist.model import Rule
from blockd.web.pages.frame import form, page, pairs, said
from blockd.web.shelf import Found
from blockd.web.words import Words


def show(words: Words, text: str, found: Found | None, problem: str = "") -> str:
    """Return the page.

    Args:
        words: the reader's language.
        text: what was asked for.
        found: what the list says; None: nothing was asked, or there was a problem.
        problem: why it cannot be looked up.
    """
    body: list[Child] = [form("/search", words("Name, address or prefix"), words("Search"), text)]
    if problem:
        body.append(
            e("div", e("p", words("This cannot be looked up")), e("p", said(problem)),
              class_="verdict warn", role="status")
        )  # fmt: skip
    if found is not None:
        body += [_verdict(words, found), _why(words, found)]
        body.append(
            e("p", words("This is what the list says. `blockd explain` also asks the resolver,"
                         " which blocks answers that lead to listed names, and the kernel."),
              class_="note")
        )  # fmt: skip
    return page(words, words("Why is this blocked?"), *body, at="/search")


def _verdict(words: Words, found: Found) -> Markup:
    what = f"{found.what} ({found.unicode})" if found.unicode else found.what
    rule = found.rule
    if rule is None:
        sentence, kind = "{what} is not blocked: no entry covers it", "good"
    elif rule.allow:
        sentence, kind = "{what} is not blocked: it is excepted", "good"
    elif not rule.enforce:
        sentence, kind = "{what} is listed, but not enforced", "warn"
    else:
        sentence, kind = "{what} is blocked", "bad"
    return e("p", words(sentence, what=what), class_=f"verdict {kind}", role="status")


def _why(words: Words, found: Found) -> Markup:
    rule: Rule | None = found.rule
    number = e("a", found.generation, href=f"/history/{found.generation}")
    if rule is None:
        return pairs([(words("generation"), number)])
    expires = words("{day}, at the end of that day, UTC", day=rule.expires) if rule.expires else ""
    platform = ", ".join(part for part in (rule.id, rule.name) if part)
    return pairs(
        [
            (words("entry"), found.entry),
            (words("stands in"), found.origin),
            (words("exception" if rule.allow else "platform"), platform),
            (words("reason"), rule.reason),
            (words("list"), rule.list_name),
            (words("on the word of"), rule.authority),
            (words("basis"), words.known(rule.basis)),
            (words("reference"), rule.reference),
            (words("contact"), rule.contact),
            (words("listed"), str(rule.listed or "")),
            (words("expires"), expires),
            (words("generation"), number),
        ]
    )
