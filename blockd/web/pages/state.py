"""The first page: whether the list is enforced, by whom, and what was answered. Pure."""

from datetime import datetime

from blockd.hypertext.markup import Markup, e, joined
from blockd.service.standing import Standing, Status, problems, unready
from blockd.web.chart import chart
from blockd.web.pages.frame import number, page, pairs, said, section, table, time
from blockd.web.ring import GROUPS, KEPT, Column
from blockd.web.words import Words

_MOST = 10  # platforms that are shown as the most blocked


def show(words: Words, standing: Standing, columns: list[Column]) -> str:
    """Return the page.

    Args:
        words: the reader's language.
        standing: how the gateway stands.
        columns: what was answered over the last hour.
    """
    return page(
        words, words("State"),
        _verdict(words, standing),
        _in_force(words, standing),
        _daemons(words, standing),
        _answers(words, standing, columns),
        _platforms(words, standing.of("resolver")),
        _upstreams(words, standing.of("resolver")),
        _routes(words, standing.of("routes")),
        at="/",
    )  # fmt: skip


def _verdict(words: Words, standing: Standing) -> list[Markup]:
    """Return in one sentence how it stands, and whether lists wait that were refused."""
    reasons = unready(standing)
    if reasons:
        sentence = words("The list is not enforced as it should be.")
        found = [_box("bad", sentence, reasons)]
    else:
        sentence = (
            "Both planes enforce generation {number}."
            if "routes" in standing.daemons
            else "The resolver enforces generation {number}; null routes are switched off."
        )
        in_force = standing.record.number if standing.record else 0
        found = [e("p", words(sentence, number=in_force), class_="verdict good", role="status")]
    refused = problems(standing.of("compiler"))
    if refused:
        sentence = words("The lists are refused; the last good one stays in force.")
        found.append(_box("warn", sentence, refused))
    return found


def _box(kind: str, sentence: str, causes: list[str]) -> Markup:
    causes_said = e("ul", [e("li", said(cause)) for cause in causes])
    return e("div", e("p", sentence), causes_said, class_=f"verdict {kind}", role="status")


def _in_force(words: Words, standing: Standing) -> Markup | None:
    record = standing.record
    if record is None:
        return None
    content = words(
        "{names} names and {prefixes} prefixes of {rules} rules",
        names=number(record.names), prefixes=number(record.prefixes), rules=number(record.rules),
    )  # fmt: skip
    since = standing.of("compiler").get("problem_since")
    return section(
        words("In force"),
        pairs(
            [
                (words("generation"), e("a", record.number, href=f"/history/{record.number}")),
                (words("in force since"), time(record.committed)),
                (words("holds"), content),
                (words("from"), ", ".join(source.path for source in record.sources)),
                (words("next expiry"), str(record.next_expiry or words("none"))),
                (words("refused since"), str(since)[:19].replace("T", " ") if since else None),
                (words("last refused"), _mended(words, standing.of("compiler"))),
            ]
        ),
    )


def _mended(words: Words, compiler: Status) -> Markup | None:
    """Return what was refused last and is accepted again; None: nothing since its start."""
    last = compiler.get("last_refused")
    if not last:
        return None
    since, until = (time(datetime.fromisoformat(last[key])) for key in ("since", "until"))
    return joined(since, ", ", words("mended"), " ", until, ": ", said(last["problem"]))


def _daemons(words: Words, standing: Standing) -> Markup:
    daemons = {**standing.daemons, **standing.optional}
    rows = [
        (
            words(name),
            e("span", words(_state(status)), class_=f"state {_state(status).replace(' ', '-')}"),
            number(status.get("generation")) if status else "",
            _holds(words, name, status or {}),
        )
        for name, status in daemons.items()
    ]
    heads = [words(head) for head in ("daemon", "state", "generation", "holds")]
    found = [
        e("li", words(name), ": ", said(problem))
        for name, status in daemons.items()
        for problem in problems(status or {})
    ]
    return section(
        words("Daemons"), table(heads, rows, numbers="2"), e("ul", found) if found else None
    )


def _state(status: Status | None) -> str:
    if status is None:
        return "not running"
    if problems(status) or (status.get("generation") and not status.get("enforcing", True)):
        return "problem"
    return "ready" if status.get("ready") else "waiting"


def _holds(words: Words, name: str, status: Status) -> str:
    if name in {"resolver", "notice"} and "names" in status:
        return words("{count} names", count=number(status["names"]))
    if name == "routes" and "desired" in status:
        return words(
            "{actual} of {desired} routes",
            actual=number(status["actual"]), desired=number(status["desired"]),
        )  # fmt: skip
    return ", ".join(map(str, status.get("paths", ())))


def _answers(words: Words, standing: Standing, columns: list[Column]) -> Markup:
    outcomes = standing.of("resolver").get("outcomes", {})
    rows = [
        (
            [e("span", class_=f"key k{place}"), words(group)],
            number(sum(column.groups[group] for column in columns)),
            number(sum(outcomes.get(outcome, 0) for outcome in members)),
        )
        for place, (group, members) in enumerate(GROUPS.items())
    ]
    heads = [words(head) for head in ("outcome", "last hour", "since the resolver's start")]
    return section(
        words("Answers over the last hour"),
        chart(words, columns, KEPT),
        table(heads, rows, numbers="12"),
    )


def _platforms(words: Words, resolver: Status) -> Markup:
    counted = sorted(
        resolver.get("platforms", {}).items(), key=lambda item: (-item[1], item[0])
    )[:_MOST]  # fmt: skip
    if not counted:
        sentence = "Nothing has been blocked since the resolver's start."
        return section(words("Most blocked"), e("p", words(sentence)))
    heads = [words("platform"), words("blocked")]
    rows = [(name, number(count)) for name, count in counted]
    return section(words("Most blocked"), table(heads, rows, numbers="1"))


def _upstreams(words: Words, resolver: Status) -> Markup | None:
    upstreams = resolver.get("upstreams", ())
    if not upstreams:
        return None
    heads = [
        words(head)
        for head in ("upstream", "state", "sent", "replied", "timed out", "time to a reply")
    ]
    rows = [
        (
            " ".join(filter(None, (each.get("zone"), each["address"]))),
            e("span", words("silent" if each.get("silent") else "ready"),
              class_=f"state {'silent' if each.get('silent') else 'ready'}"),
            number(each.get("sent")), number(each.get("answered")), number(each.get("timeouts")),
            f"{each.get('rtt_ms', 0):.1f} ms",
        )
        for each in upstreams
    ]  # fmt: skip
    return section(words("Upstreams"), table(heads, rows, numbers="2345"))


def _routes(words: Words, routes: Status) -> Markup | None:
    if "desired" not in routes:
        return None
    counted = routes.get("counters", {})
    return section(
        words("Null routes"),
        pairs(
            [
                (words("desired"), number(routes["desired"])),
                (words("actual"), number(routes.get("actual"))),
                (words("missing"), number(routes.get("missing"))),
                (words("foreign, left alone"), number(counted.get("foreign"))),
                (words("holes for what the gateway needs"), number(counted.get("cut"))),
                (words("rules that bypass them"), number(counted.get("bypasses"))),
                (words("last full scan"), time(routes.get("last_scan"))),
                (words("last repair"), time(routes.get("last_repair")) or words("none")),
            ]
        ),
    )
