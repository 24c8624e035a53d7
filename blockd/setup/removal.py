"""The plan that takes blockd off a host: all that setup did, and nothing that is not its own. Pure.

The host's own questions leave blockd, services end and routes go, the port and resolv.conf are as
before, and then the files go. Lists, configuration that an operator wrote, state and spool stay
until they are purged.
"""

from collections.abc import Sequence

from blockd.setup import layout, record, switch
from blockd.setup.facts import Facts
from blockd.setup.layout import OLD
from blockd.setup.nameservice import DROP_IN, KEPT, RESOLV_CONF, SERVERS
from blockd.setup.steps import Link, Move, Plan, Remove, Run, Step, pending

_GROUP = "blockd"
_NO_GROUP = 6  # groupdel(8): it is not there any more, since userdel took it along


def removal(facts: Facts, *, purge: bool = False) -> Plan:
    """Return what remains to be taken back.

    Args:
        facts: the host.
        purge: whether lists, configuration and state go too.
    """
    files, aside = _files(facts, purge=purge)
    before, after, notes = _resolving(facts)
    steps: list[Step] = [*before, *_stopped(facts), *_withdrawn(facts), *after, *files]
    units = any(getattr(step, "path", "").startswith(layout.UNITS) for step in files)
    if facts.booted and (units or facts.stale):
        steps.append(Run(("systemctl", "daemon-reload")))
    trees, kept = _trees(facts, purge=purge)
    owning = [path for path in (layout.STATE, layout.SPOOL, *facts.elsewhere) if path in kept]
    if not facts.packaged and not owning:
        steps += _users(facts)
    steps += trees
    if record.PATH in facts.tree and not _goes(trees, record.PATH):
        steps.append(Remove(record.PATH))
    steps += _directories(facts, steps)
    if facts.packaged:
        notes.append("units, users, lists and state are the package's: `apt-get purge blockd`")
    notes += aside
    if kept:
        users = f", and the users, who own {' and '.join(owning)}" if owning else ""
        notes.append(f"kept: {', '.join(kept)}{users}; {_taking(facts, purge=purge)}")
    if steps and not facts.packaged:
        notes.append(f"the program stays: {facts.program}")
    return Plan(tuple(steps), tuple(notes))


def _taking(facts: Facts, *, purge: bool) -> str:
    """Return how what is kept can be taken too. What an operator named may hold other things."""
    command = "`blockd setup --remove --purge`"
    if not facts.elsewhere:
        return f"{command} takes them"
    own = f"remove {' and '.join(facts.elsewhere)} yourself, which the configuration names"
    return f"{own}, then run the same again" if purge else f"{own}; {command} takes the rest then"


def _stopped(facts: Facts) -> list[Step]:
    """Return what ends the services, and keeps them from starting again."""
    names = sorted({*layout.unit_names(facts.shipped), *facts.units})
    ours = [name for name in names if name.startswith("blockd") and facts.unit(name).file]
    going = [n for n in ours if facts.unit(n).enabled or facts.unit(n).state != "inactive"]
    if not going:
        return []
    if not facts.booted:
        return [Run(("systemctl", "disable", *going))]
    steps: list[Step] = [Run(("systemctl", "disable", "--now", *going))]
    if failed := [name for name in going if facts.unit(name).state == "failed"]:
        steps.append(Run(("systemctl", "reset-failed", *failed)))
    return steps


def _withdrawn(facts: Facts) -> list[Step]:
    """Return the removal of routes: a unit may have been told to keep them when it stops."""
    return [Run((facts.program, "route", "--withdraw"))] if facts.routes_left else []


def _resolving(facts: Facts) -> tuple[list[Step], list[Step], list[str]]:
    """Return what has the host resolve names without blockd, and what gives resolved its port.

    The first is done while blockd still answers, so that no question is lost in between.
    """
    if not facts.record.resolved:
        return [], [], []
    resolved = bool(facts.resolved_servers)
    there = facts.tree.get(RESOLV_CONF)
    midway = Link(RESOLV_CONF, SERVERS)
    ours = there is None or midway.is_done(facts.tree) or facts.is_written(RESOLV_CONF)
    before: list[Step] = pending([midway], facts.tree) if resolved and ours else []
    if DROP_IN in facts.tree:
        before += [Remove(DROP_IN), *([switch.RESTART] if resolved else [])]
    after: list[Step] = [switch.RESTART] if resolved else []
    if KEPT in facts.tree and not ours:
        changed = facts.tree[KEPT] != there  # else setup had not come as far as that
        note = f"{RESOLV_CONF} stays: it is not as setup wrote it"
        return before, [*after, Remove(KEPT)], [note] if changed else []
    if KEPT in facts.tree:
        after.append(Move(KEPT, RESOLV_CONF))
    elif ours and (before or there is not None):
        after.append(Remove(RESOLV_CONF))
    return before, after, []


def _files(facts: Facts, *, purge: bool) -> tuple[list[Step], list[str]]:
    """Return the removal of what setup wrote; what others changed of it is set aside."""
    placed = layout.files(facts.shipped, "", facts.program, networkd=facts.networkd)
    same = {} if facts.packaged else {each.path: each.content for each in placed}
    paths = {*facts.record.written, *same} - {layout.CONFIG, *switch.PATHS}
    steps: list[Step] = [Remove(path, tree=True) for path in facts.leftovers]
    notes = []
    for path in sorted(paths & set(facts.tree)):
        there = facts.tree[path]
        if purge or facts.is_written(path) or there.content == same.get(path):
            steps.append(Remove(path))
        else:
            steps.append(Move(path, path + OLD))
            notes.append(f"{path} was changed by hand, and is kept as {path + OLD}")
        if purge and path + OLD in facts.tree:
            steps.append(Remove(path + OLD))
    if purge and facts.record.resolved and RESOLV_CONF + OLD in facts.tree:
        steps.append(Remove(RESOLV_CONF + OLD))
    if facts.links:
        steps.append(Remove(layout.LINK))
    return steps, notes


def _trees(facts: Facts, *, purge: bool) -> tuple[list[Step], list[str]]:
    """Return the removal of directories, and what of them is kept."""
    if facts.packaged:
        return [], []
    tree = facts.tree
    steps: list[Step] = [Remove(layout.RUN, tree=True)] if layout.RUN in tree else []
    etc = layout.above(layout.CONFIG)[0]
    owned = [layout.STATE, layout.SPOOL]
    if purge:
        # The configuration stays with what it names: the next run has to know of it.
        named = facts.elsewhere
        going = [path for path in (*owned, *(() if named else (etc,))) if path in tree]
        stamps = [path for path in tree if path.startswith(f"{layout.STAMPS}/stamp-blockd")]
        steps += [*(Remove(path, tree=True) for path in going), *map(Remove, stamps)]
        return steps, [*named, layout.CONFIG] if named else []
    kept = facts.elsewhere
    for path in owned:
        if path in tree and tree[path].empty:
            steps.append(Remove(path))
        elif path in tree:
            kept.append(path)
    if facts.is_written(layout.CONFIG):
        steps.append(Remove(layout.CONFIG))
    elif layout.CONFIG in tree:
        kept.append(layout.CONFIG)
    if layout.RULES in tree:
        if tree[layout.RULES].empty:
            steps.append(Remove(layout.RULES))
        else:
            kept.append(layout.RULES)
    return steps, kept


def _users(facts: Facts) -> list[Step]:
    """Return the removal of users. While they own anything, nobody else may get their numbers."""
    named = layout.users(facts.shipped.get(layout.SYSUSERS, b"").decode())
    # The one that the group is named after last: userdel takes the group along.
    there = sorted((n for n in named if n in facts.users), key=lambda name: name == _GROUP)
    steps: list[Step] = [Run(("userdel", name)) for name in there]
    if _GROUP in facts.users:
        steps.append(Run(("groupdel", _GROUP), accept=_NO_GROUP))
    return steps


def _directories(facts: Facts, steps: Sequence[Step]) -> list[Step]:
    """Return the removal of directories that setup made, those below first; full ones stay."""
    made = sorted(facts.record.directories, key=lambda path: (-path.count("/"), path))
    left = [path for path in made if path in facts.tree and not _goes(steps, path)]
    return [Run(("rmdir", "--ignore-fail-on-non-empty", path)) for path in left]


def _goes(steps: Sequence[Step], path: str) -> bool:
    """Tell whether a path is removed with a whole tree, or by itself."""
    return any(
        isinstance(step, Remove)
        and (step.path == path or (step.tree and path.startswith(f"{step.path}/")))
        for step in steps
    )
