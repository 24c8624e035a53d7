"""The results for people: a table of text, JSON, and a plot as SVG."""

from pathlib import Path
from typing import Any

import msgspec

from tests.bench.load import Measured

OWN = ("blockd", "blockd-pure")
"""The wheel with its compiled modules, and the same sources without."""

_WIDTH, _BAR, _LEFT, _GAP = 760, 18, 130, 34


def table(results: list[Measured]) -> str:
    """Return microseconds a query by workload and server, with the ratios of blockd."""
    servers = list(dict.fromkeys(result.server for result in results))
    workloads = list(dict.fromkeys(result.workload for result in results))
    found = {(r.workload, r.server): r for r in results}
    lines = [
        "| CPU a query, µs | " + " | ".join(workloads) + " |",
        "| --- |" + " --- |" * len(workloads),
    ]
    for server in servers:
        cells = [
            f"{found[w, server].microseconds:.2f}" if (w, server) in found else ""
            for w in workloads
        ]
        lines.append(f"| {server} | " + " | ".join(cells) + " |")
    for own in (server for server in servers if server in OWN):
        cells = [f"{found[w, own].kernel:.2f}" if (w, own) in found else "" for w in workloads]
        lines.append(f"| {own}, in the kernel | " + " | ".join(cells) + " |")
    for own in (server for server in servers if server in OWN):
        for name, peer in (("the fastest peer", None), ("Unbound", "unbound")):
            ratios = [_ratio(found, w, servers, own, peer) for w in workloads]
            lines.append(f"| {own} against {name} | " + " | ".join(ratios) + " |")
    return "\n".join(lines)


def _ratio(
    found: dict[tuple[str, str], Measured],
    workload: str,
    servers: list[str],
    own: str,
    peer: str | None,
) -> str:
    mine = found.get((workload, own))
    others = [
        found[workload, server].microseconds
        for server in servers
        if server not in OWN and (workload, server) in found and peer in {None, server}
    ]
    return f"{mine.microseconds / min(others):.2f}" if mine and others else ""


def sizes(more: dict[str, Any]) -> str:
    """Return memory and start by server and number of names, and what the reloads came to."""
    lines = [
        "| names | server | first answer, s | resident, MB | with its share of mappings, MB |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {size['names']:,} | {size['server']} | {size['first_answer_s']:.2f}"
        f" | {size['resident_mb']:.0f} | {size['proportional_mb']:.0f} |"
        for size in more["sizes"]
    ]
    found = more.get("reload")
    if found is not None:
        lines.append(
            f"\n{found.reloads} reloads at {found.names:,} names under {found.asked:,} queries:"
            f" {found.lost} lost, {found.leaked} leaked, {found.failed} failed,"
            f" {found.untimed} not timed, the worst took {found.worst_ms:.1f} ms;"
            f" {found.memory_mb[0]:.0f} MB after the first, {found.memory_mb[-1]:.0f} MB after the"
            f" last, {max(found.memory_mb):.0f} MB at most"
        )
        lines += [
            f"{each.kind}: median {each.median:.1f} ms, 99.9 % within {each.most:.1f} ms,"
            f" worst {each.worst:.1f} ms"
            for each in found.latencies
        ]
        lines.append(
            f"a process that slept on the resolver's core woke up to {found.stalled_ms:.1f} ms"
            f" late; full sockets to and from the upstream lost {found.dropped} datagrams"
        )
    return "\n".join(lines)


def json(results: list[Measured], more: dict[str, Any]) -> bytes:
    """Return everything that was measured."""
    return msgspec.json.format(msgspec.json.encode({"results": results, **more}), indent=2)


def plot(results: list[Measured]) -> str:
    """Return bars of microseconds a query, one group a workload; shorter is better.

    A bar ends at 60 µs, so that slow ones do not hide the others; its number is whole.
    """
    most = max((result.microseconds for result in results), default=1.0)
    scale = (_WIDTH - _LEFT - 90) / min(most, 60.0)
    parts: list[str] = []
    at = 30
    for workload in dict.fromkeys(result.workload for result in results):
        parts.append(f'<text x="10" y="{at}" font-weight="bold">{workload.upper()}</text>')
        at += 8
        for result in sorted(
            (r for r in results if r.workload == workload), key=lambda r: r.microseconds
        ):
            width = min(result.microseconds, 60.0) * scale
            color = "#1f77b4" if result.server in OWN else "#bbbbbb"
            parts.append(
                f'<text x="{_LEFT - 8}" y="{at + 13}" text-anchor="end">{result.server}</text>'
                f'<rect x="{_LEFT}" y="{at}" width="{width:.1f}" height="{_BAR - 4}"'
                f' fill="{color}"/>'
                f'<text x="{_LEFT + width + 6:.1f}" y="{at + 12}">{result.microseconds:.2f}</text>'
            )
            at += _BAR
        at += _GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{at}"'
        ' font-family="sans-serif" font-size="12">'
        f'<rect width="100%" height="100%" fill="white"/>{"".join(parts)}</svg>\n'
    )


def write(directory: Path, results: list[Measured], more: dict[str, Any]) -> None:
    """Write the three forms into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "bench.md").write_text(f"{table(results)}\n\n{sizes(more)}\n", "utf-8")
    (directory / "bench.json").write_bytes(json(results, more))
    (directory / "bench.svg").write_text(plot(results), "utf-8")
