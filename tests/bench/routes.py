"""The measurements of null routes together, and what they say: text, JSON and a plot.

What is measured stands in `changes`, `repair`, `forwarding` and `bulk`; what the resolver is
measured by in the other modules.
"""

from pathlib import Path

import msgspec
from msgspec import Struct

from tests.bench import bulk, changes, forwarding, repair
from tests.bench.bulk import Carried
from tests.bench.changes import Changed
from tests.bench.forwarding import Forwarded
from tests.bench.repair import Lived

_WIDTH, _BAR, _LEFT = 760, 14, 190
_STEPS = ("install", "replace", "check", "withdraw")


class Results(Struct):
    """All that was measured."""

    changed: list[Changed]
    lived: Lived
    forwarded: list[Forwarded]
    carried: list[Carried]


def measure() -> Results:
    """Run all of it: about ten minutes, as root, in namespaces."""
    return Results(changes.measure(), repair.measure(), forwarding.measure(), bulk.measure())


def text(results: Results) -> str:
    """Return the tables."""
    return "\n\n".join(
        (
            _changed(results.changed),
            _parts(results.changed),
            _lived(results.lived),
            _forwarded(results.forwarded),
            _carried(results.carried),
        )
    )


def _changed(changed: list[Changed]) -> str:
    """Return a row for each table's size and family: a pass, and `ip` against it."""
    found = {(c.prefixes, c.family, c.step): c for c in changed}
    lines = [
        "| prefixes | " + " | ".join(f"{step}, ms" for step in _STEPS) + " |",
        "| --- |" + " --- |" * len(_STEPS),
    ]
    for count, family in dict.fromkeys((c.prefixes, c.family) for c in changed):
        row = [found[count, family, step] for step in _STEPS]
        cells = (f"{c.blockd_ms:,.1f} ({c.ip_ms / c.blockd_ms:.1f})" for c in row)
        lines.append(f"| {count:,} IPv{family} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _parts(changed: list[Changed]) -> str:
    lines = [
        "| step | prefixes | planning, ms | scans | changes | `ip` | by changes | by the whole |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {c.step} | {c.prefixes:,} IPv{c.family} | {c.plan_ms:,.1f} | {c.scan_ms:,.1f}"
        f" | {c.change_ms:,.1f} | {c.ip_ms:,.1f}"
        f" | {c.ip_ms / c.change_ms:.1f} | {c.ip_ms / c.blockd_ms:.1f} |"
        for c in changed
        if c.change_ms
    ]
    return "\n".join(lines)


def _lived(lived: Lived) -> str:
    lines = ["| the daemon with | median, ms | worst, ms |", "| --- | --- | --- |"]
    lines += [
        f"| {f.routes:,} routes, from generation to kernel | {f.median_ms:,.1f}"
        f" | {f.worst_ms:,.1f} |"
        for f in lived.followed
    ]
    lines += [
        f"| {r.routes:,} routes, {r.deleted:,} deleted and back | {r.median_ms:,.1f}"
        f" | {r.worst_ms:,.1f} |"
        for r in lived.repaired
    ]
    lines += [
        "",
        "| routes | resident, MB | with its share of mappings, MB |",
        "| --- | --- | --- |",
    ]
    lines += [
        f"| {s.routes:,} | {s.resident_mb:.0f} | {s.proportional_mb:.0f} |" for s in lived.sizes
    ]
    return "\n".join(lines)


def _forwarded(forwarded: list[Forwarded]) -> str:
    lines = [
        "| a packet through | IPv4, ns | to none | to one | IPv6, ns | to none | to one |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    half = len(forwarded) // 2
    for four, six in zip(forwarded[:half], forwarded[half:], strict=True):
        several = "routes" if four.routes > 1 else "route"
        name = f"the rule, {four.routes:,} {several}" if four.routes else "neither rule nor routes"
        cells = [
            f" {f.nanoseconds:,.0f} | {f.percent:+.1f} % | {f.routes_percent:+.1f} % |"
            if f.routes
            else f" {f.nanoseconds:,.0f} | {f.percent:+.1f} % | |"
            for f in (four, six)
        ]
        lines.append(f"| {name} |" + "".join(cells))
    return "\n".join(lines)


def _carried(carried: list[Carried]) -> str:
    lines = [
        "| bulk traffic of a connection | none, µs a megabyte | with routes | more |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| IPv{c.family}, {c.routes:,} routes | {c.none_us:,.0f} | {c.routes_us:,.0f}"
        f" | {c.percent:+.1f} % |"
        for c in carried
    ]
    return "\n".join(lines)


def plot(changed: list[Changed]) -> str:
    """Return bars for the largest table: a pass in its parts, and `ip` below; shorter is better."""
    most = max(c.prefixes for c in changed)
    shown = [c for c in changed if c.prefixes == most]
    scale = (_WIDTH - _LEFT - 90) / max(max(c.blockd_ms, c.ip_ms) for c in shown)
    parts = []
    at = 40
    for c in shown:
        own = (("#1f77b4", c.change_ms), ("#7fb2d9", c.scan_ms), ("#c6dcee", c.plan_ms))
        for name, bars in (("blockd", own), ("ip", (("#bbbbbb", c.ip_ms),))):
            title = f"{c.step} IPv{c.family}, {name}"
            x = float(_LEFT)
            parts.append(f'<text x="{_LEFT - 8}" y="{at + 10}" text-anchor="end">{title}</text>')
            for color, milliseconds in bars:
                width = milliseconds * scale
                parts.append(
                    f'<rect x="{x:.1f}" y="{at}" width="{width:.1f}" height="{_BAR - 2}"'
                    f' fill="{color}"/>'
                )
                x += width
            whole = c.blockd_ms if name == "blockd" else c.ip_ms
            parts.append(f'<text x="{x + 6:.1f}" y="{at + 10}">{whole:,.0f} ms</text>')
            at += _BAR
        at += 8
    legend = (
        f'<text x="10" y="20">{most:,} routes; blockd: changes (dark), scans, planning (light);'
        " ip -batch: grey</text>"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{at + 10}"'
        ' font-family="sans-serif" font-size="12">'
        f'<rect width="100%" height="100%" fill="white"/>{legend}{"".join(parts)}</svg>\n'
    )


def write(directory: Path, results: Results) -> None:
    """Write the three forms into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "routes.md").write_text(f"{text(results)}\n", "utf-8")
    encoded = msgspec.json.format(msgspec.json.encode(results), indent=2)
    (directory / "routes.json").write_bytes(encoded)
    (directory / "routes.svg").write_text(plot(results.changed), "utf-8")
