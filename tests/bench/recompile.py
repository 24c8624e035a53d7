"""What a recompile takes where little changed: `... --recompile [NAMES [FORM]]`.

Run as `python -m tests.bench.lists`; the large list is in one of `FORMS`, plain domains by default.
With `zones` both lists are response policy zones, and the small one comes before the large one.

Every figure is the CPU time, user and system, of a process of its own on one core, the best of
three. A first compile is taken apart into its steps; then come three changes, each as `blockd
compile` makes it, from reading the files to the switch: one entry of a small list beside an
unchanged large one, ten lines of the large one, and nothing but the date. `whole` is the same
change where nothing is remembered of the compile before.
"""

import gc
import os
import resource
import shutil
import sys
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path

from blockd.config import Config, ListSection
from blockd.policy import remembered
from blockd.policy.difference import difference
from blockd.policy.packed import Packed
from blockd.policy.publish import publish
from blockd.policy.reader import Policy
from blockd.policy.store import Store
from blockd.policy.writer import numbers_of, write
from blockd.watchlist.compile import compile_rules
from blockd.watchlist.formats import parse

NAMES = 1_000_000
_TURNS = 3
_SMALL = 1_000
_CHANGED = 10
FIRST, LATER = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)
_ENDING = "[[platform]]\nid = 'e'\ndomains = ['ends.example']\nexpires = 2026-03-02\n"


FORMS = {
    "domains": ("txt", "{mark} made\n", "{name}\n"),
    "hosts": ("hosts", "{mark} made\n", "0.0.0.0 {name}\n"),
    "adblock": ("adblock", "! made\n", "||{name}^\n"),
    "dnsmasq": ("conf", "{mark} made\n", "local=/{name}/\n"),
    "unbound": ("zones", "server:\n", 'local-zone: "{name}" always_nxdomain\n'),
    "rpz": (
        "rpz", "@ SOA a. b. {serial} 2 3 4 60\n@ NS a.\n", "{name} CNAME .\n*.{name} CNAME .\n",
    ),
    "zones": (
        "rpz", "@ SOA a. b. {serial} 2 3 4 60\n@ NS a.\n", "{name} CNAME .\n*.{name} CNAME .\n",
    ),
    "csv": ("csv", "domain,reference\n", '"{name}","order 7"\n'),
}  # fmt: skip
"""For each a suffix, what stands at the top, and how a name is listed."""


def large(names, changed=0, form="domains"):
    """Return a list of names, of which some are others; in most forms all lines after them move."""
    listed = [f"{n * 2654435761 % (1 << 32):x}.shop-{n % 97}.example" for n in range(names)]
    listed[5 : 5 + changed] = [f"new-{n}.example" for n in range(changed)]
    return written(listed, changed, form)


def written(listed, changed, form):
    """Return a list in one of the forms, with one more line if some are others."""
    _, top, way = FORMS[form]
    more = {"rpz": ";", "zones": ";", "adblock": "!"}.get(form, "#")
    lines = [way.format(name=name) for name in listed]
    if changed:
        lines.insert(5, f"{more} moved\n")
    return "".join([top.format(mark=more, serial=changed), *lines])


def small(changed=0, form="domains"):
    """Return a short list, of which one entry may be another.

    As a zone it decides about a few names of the large one, too.
    """
    listed = [f"s{n + (n == 7) * changed * _SMALL}.small.example" for n in range(_SMALL)]
    if form != "zones":
        return "".join(f"{name}\n" for name in listed)
    return written([*listed, *(f"shop-{n}.example" for n in range(2))], changed, form)


def used():
    """Return the CPU seconds of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def apart(act):
    """Return the CPU seconds that each step of `act` takes, and the peak in megabytes."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
            gc.disable()  # as a compile does
            laps, before = [], used()
            for _ in act():
                laps.append(used() - before)
                before = used()
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            os.write(writable, repr((laps, peak)).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writable)
    with os.fdopen(readable) as said:
        text = said.read()
    if os.waitpid(child, 0)[1] or not text:
        raise SystemExit("a measurement failed")
    numbers = text.strip("()").replace("[", "").replace("]", "").split(", ")
    *laps, peak = map(float, numbers)
    return laps, peak


def best(act, prepare=lambda: None):
    """Return the least of some turns, step by step, and the highest peak."""
    turns = []
    for _ in range(_TURNS):
        prepare()
        turns.append(apart(act))
    return [min(each) for each in zip(*(laps for laps, _ in turns), strict=True)], max(
        peak for _, peak in turns
    )


def steps(top, path):
    """Compile, step by step, and compare with the generation in force."""

    def act():
        parsed = parse(path.read_bytes(), str(path))
        yield
        rules = compile_rules([parsed], date(2026, 3, 1))
        yield
        packed = Packed(rules.names, rules.between, numbers_of(rules))
        yield
        policy = Policy((top / "state" / "current").resolve())
        difference(policy, rules, date(2026, 3, 1), packed)
        policy.close()
        yield
        (top / "apart.mdb").unlink(missing_ok=True)
        write(top / "apart.mdb", 1, rules, packed=packed)
        yield

    return act


def main(names=NAMES, form="domains"):
    """Measure and print."""
    # Whoever works on the parsers meanwhile makes another program, which builds on nothing.
    remembered.program = lambda: "measured"
    with tempfile.TemporaryDirectory() as scratch:
        top = Path(scratch)
        lists = top / "lists"
        lists.mkdir()
        config = Config(list=ListSection(paths=(str(lists),)))
        store, saved = Store(top / "state"), top / "saved"
        long = f"large.{FORMS[form][0]}"
        short = "before.rpz" if form == "zones" else "small.txt"

        def begin():
            (lists / long).write_text(large(names, form=form))
            (lists / short).write_text(small(form=form))
            (lists / "ends.toml").write_text(_ENDING)

        def compiled(now=FIRST):
            def act():
                publish(store, config, now)
                yield

            return act

        begin()
        (first,), peak = best(compiled(), lambda: shutil.rmtree(store.state, ignore_errors=True))
        print(f"{names:,} names in one list ({form}), {_SMALL:,} in another")
        print("  CPU seconds, peak in MB")
        print(f"  {'first compile':<42} {first:6.2f} {peak:6.0f}")
        shutil.copytree(store.state, saved, symlinks=True)
        (parsing, compiling, packing, comparing, writing), _ = best(steps(top, lists / long))
        for what, taken in (
            ("  parse the large one", parsing), ("  compile", compiling),
            ("  put into order and pack", packing), ("  compare with the last one", comparing),
            ("  write", writing),
        ):  # fmt: skip
            print(f"  {what:<42} {taken:6.2f}")
        writing += packing
        (parsing_small,), _ = best(lambda: _parsed(lists / short))
        for what, change, now, bound in (
            ("one entry of the small one", {short: small(1, form)}, FIRST, parsing_small + writing),
            (f"{_CHANGED} lines of the large one", {long: large(names, _CHANGED, form)}, FIRST,
             parsing + writing),
            ("nothing but the date", {}, LATER, writing),
        ):  # fmt: skip
            begin()
            for name, text in change.items():
                (lists / name).write_text(text)
            found = {}
            for way in ("short", "whole"):

                def prepare(way=way):
                    shutil.rmtree(store.state)
                    shutil.copytree(saved, store.state, symlinks=True)
                    if way == "whole":
                        (store.state / "recompile").unlink()

                (found[way],), peak = best(compiled(now), prepare)
                if way == "short":
                    highest = peak
            print(
                f"  {what:<42} {found['short']:6.2f} {highest:6.0f}   parse and write"
                f" {bound:.2f}, whole {found['whole']:.2f}"
            )


def _parsed(path):
    parse(path.read_bytes(), str(path))
    yield


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *sys.argv[2:3])
