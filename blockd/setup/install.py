"""The plan that makes blockd a service of a host, from what is there to what should be. Pure.

The order is what an interruption at any point leaves in order: first what is written down, then
files, then a list that has proved good, then the port, then services, and the host's own
resolv.conf only when the resolver answers.
"""

from collections.abc import Sequence

from blockd.errors import UsageError
from blockd.setup import layout, record, services, sockets, switch
from blockd.setup.example import example, is_placeholder, upstreams_of, with_upstreams
from blockd.setup.facts import Facts
from blockd.setup.layout import OLD
from blockd.setup.record import Record
from blockd.setup.steps import Kind, Link, Move, Plan, Remove, Run, Step, Write, pending


def install(
    facts: Facts, *, consent: bool = False, force: bool = False, start: bool = True
) -> Plan:
    """Return what remains to be done.

    Args:
        facts: the host.
        consent: whether systemd-resolved may be made to give up port 53, and /etc/resolv.conf
            to name blockd.
        force: whether files that others changed are set aside and replaced.
        start: whether services may be enabled and started.

    Raises:
        UsageError: services could not reach the program, or files were changed by others.
    """
    if facts.obstacle and not facts.packaged:
        raise UsageError(facts.obstacle)
    starting = services.readiness(facts, start=start)
    switching = switch.decide(facts, consent=consent, ready=starting.ready, force=force)
    runs = starting.ready and not switching.troubles
    configured, ours = _configuration(facts, switching.upstreams)
    files = [*_files(facts), *_listening(facts)]
    _refuse_changed(facts, files, force=force)
    obsolete = _obsolete(facts, files)
    changes: list[Step] = [*_set_aside(facts, files), *configured, *files, *obsolete]
    link = _link(facts)
    changes = [*_leftovers(facts), *link, *pending(changes, facts.tree)]
    up = services.start(facts, changes) if runs else services.Starting()
    steps = [
        *changes,
        *_carried_out(facts, changes),
        *(up.proved if runs else ()),
        *switching.before,
        *up.steps,
        *switching.after,
    ]
    switched = [*switching.before, *switching.after]
    written = [*(configured if ours else ()), *files, *switched]
    begun = _begun(facts, written, switched=bool(switched), linked=bool(link))
    done = record.done(begun, [step.path for step in obsolete], up.recorded)
    steps = _recorded(facts, steps, begun, done)
    notes = [*starting.notes, *_notes(facts, changes), *up.notes, *switching.notes]
    troubles = (*starting.troubles, *switching.troubles)
    return Plan(tuple(steps), tuple(notes), troubles, switching.question)


def _configuration(facts: Facts, upstreams: Sequence[str]) -> tuple[list[Write], bool]:
    """Return the configuration file, and whether nothing in it is the operator's.

    Where there is none it is the example; upstreams that were found are added to either.
    """
    there = facts.tree.get(layout.CONFIG)
    if there is not None and there.kind is not Kind.FILE:
        return [], False  # a link to where the operator keeps it
    text = there.content.decode() if there else ""
    known = upstreams_of(text)
    ours = there is None or is_placeholder(there.content)
    if not facts.packaged:
        ours |= facts.is_written(layout.CONFIG)
    if ours:
        text = example()
    if added := known if ours and known else upstreams:
        text = with_upstreams(text, added, layout.CONFIG)
    return [Write(layout.CONFIG, text.encode(), there.mode if there else 0o644)], ours


def _files(facts: Facts) -> list[Write]:
    if facts.packaged:
        return []
    systemd = f"{facts.origin}/systemd"
    placed = layout.files(facts.shipped, systemd, facts.program, networkd=facts.networkd)
    found = [Write(each.path, each.content, 0o644, each.source) for each in placed]
    for name, content in sorted(facts.examples.items()):
        found.append(Write(f"{layout.EXAMPLES}/{name}", content, 0o644, f"{facts.origin}/{name}"))
    for path, document in sorted(facts.documents.items()):
        found.append(Write(path, document.content, made_by=document.made_by))
    return found


def _listening(facts: Facts) -> list[Write]:
    found = []
    for name, addresses in sockets.wanted(facts.config).items():
        text = sockets.drop_in(facts.unit_text(name), addresses)
        if text and not sockets.overridden(facts.drop_ins.get(name, ())):
            found.append(Write(layout.drop_in(name, sockets.DROP_IN), text.encode()))
    return found


def _link(facts: Facts) -> list[Step]:
    """Return the link on the PATH, where none but setup's is there and a package brings none."""
    if facts.packaged or facts.program == layout.LINK:
        return []
    if layout.LINK in facts.tree and (not facts.links or facts.record.link == facts.program):
        return []
    return [Link(layout.LINK, facts.program)]


def _foreign(facts: Facts, files: Sequence[Write]) -> list[str]:
    """Return the files that differ from what setup would write and from what it wrote."""
    return [
        each.path
        for each in files
        if (there := facts.tree.get(each.path)) is not None
        and (there.kind, there.content) != (Kind.FILE, each.content)
        and not facts.is_written(each.path)
    ]


def _refuse_changed(facts: Facts, files: Sequence[Write], *, force: bool) -> None:
    foreign = _foreign(facts, files)
    if foreign and not force:
        raise UsageError(
            f"{', '.join(foreign)}: not as setup wrote it; nothing was changed. Put what you"
            " changed into a drop-in (`systemctl edit UNIT`), or give --force, which keeps the"
            f" file as it is under a name that ends in {OLD}"
        )


def _set_aside(facts: Facts, files: Sequence[Write]) -> list[Step]:
    return [Move(path, path + OLD) for path in _foreign(facts, files)]


def _obsolete(facts: Facts, files: Sequence[Write]) -> list[Remove]:
    """Return the removal of what an earlier setup wrote and this one would not."""
    wanted = {each.path for each in files} | {layout.CONFIG, *switch.PATHS}
    left = [path for path in facts.record.written if path not in wanted]
    return [Remove(path) for path in left if facts.is_written(path)]


def _leftovers(facts: Facts) -> list[Remove]:
    """Return the removal of what a run left half written that was killed."""
    return [Remove(path, tree=True) for path in facts.leftovers]


def _carried_out(facts: Facts, changes: Sequence[Step]) -> list[Step]:
    """Return what has systemd act on the files."""
    changed = {getattr(step, "path", "") for step in changes}
    found: list[Step] = []
    if not facts.packaged:
        for name, program, there, wanted in (
            (layout.SYSUSERS, ("systemd-sysusers",), facts.users, layout.users),
            (layout.TMPFILES, ("systemd-tmpfiles", "--create"), facts.tree, layout.made),
        ):
            text = facts.shipped.get(name, b"").decode()
            path = f"/usr/lib/{name}"
            if path in changed or any(each not in there for each in wanted(text)):
                found.append(Run((*program, path)))
    if facts.booted and (facts.stale or any(path.startswith(layout.UNITS) for path in changed)):
        found.append(Run(("systemctl", "daemon-reload")))
    return found


def _begun(facts: Facts, steps: Sequence[Step], *, switched: bool, linked: bool) -> Record:
    """Return what is to be known while these steps are performed, however far they get."""
    old = facts.record
    files = [step for step in steps if isinstance(step, Write)]
    written = {path: known for path, known in old.written.items() if path in facts.tree}
    written |= {step.path: record.known(old, step.path, step.content) for step in files}
    paths = [*written, record.PATH, layout.LINK]
    missing = {each for path in paths for each in layout.above(path) if each not in facts.tree}
    return Record(
        written=written,
        directories=tuple(sorted({*old.directories, *missing})),
        enabled=old.enabled,
        linked=old.linked or linked,
        link=facts.program if linked else old.link,
        resolved=old.resolved or switched,
    )


def _recorded(facts: Facts, steps: Sequence[Step], begun: Record, done: Record) -> list[Step]:
    """Return the steps between two records: of what may have been done, and of what was."""
    first, last = (Write(record.PATH, record.write(each)) for each in (begun, done))
    if not steps:
        return pending([last], facts.tree)
    return [*pending([first], facts.tree), *steps, *([last] if done != begun else [])]


def _notes(facts: Facts, changes: Sequence[Step]) -> list[str]:
    found = []
    if (
        facts.networkd
        and facts.unit("systemd-networkd.service").active
        and any(getattr(step, "path", "").endswith(layout.NETWORKD) for step in changes)
    ):
        found.append(
            "systemd-networkd reads its drop-in when it starts: `systemctl restart"
            " systemd-networkd` at a time that suits you; until then it may delete null routes"
            " when it reconfigures a link, and blockd puts them back"
        )
    there = facts.tree.get(layout.LINK)
    other = (
        there is not None
        and not facts.links
        and not Link(layout.LINK, facts.program).is_done(facts.tree)
    )
    if other and not facts.packaged and facts.program != layout.LINK:
        found.append(f"{layout.LINK} is not a link to {facts.program}, and is left as it is")
    found += [
        f"a drop-in of your own says where {name} listens; setup leaves that to it"
        for name, texts in facts.drop_ins.items()
        if sockets.overridden(texts) and changes
    ]
    return found
