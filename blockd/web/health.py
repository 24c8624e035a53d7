"""Whether both planes enforce the generation in force, and if not, why. Pure."""

from blockd.web.standing import Standing, Status, problems


def unready(standing: Standing) -> list[str]:
    """Return why the gateway does not enforce the current generation; empty: it does.

    The compiler is no reason: without it both planes go on with the last good list. It is to
    be alerted on, and no reason to send traffic elsewhere.
    """
    if standing.record is None:
        return ["there is no generation with a readable record; run `blockd compile`"]
    planes = {name: each for name, each in standing.daemons.items() if name != "compiler"}
    return [
        reason
        for name, status in planes.items()
        if (reason := _behind(name, status, standing.record.number))
    ]


def _behind(name: str, status: Status | None, number: int) -> str:
    """Return why a plane does not enforce a generation; empty: it does, or a later one."""
    if status is None:
        return f"{name}: no answer from its control socket"
    wrong = "".join(f"; {problem}" for problem in problems(status))
    if not status.get("ready", False):
        return f"{name}: not ready{wrong}"
    held = status.get("generation")
    if held is None or held < number:
        return f"{name}: enforces generation {held or 'none'} instead of {number}{wrong}"
    if not status.get("enforcing", True):
        return f"{name}: packets to listed prefixes may pass{wrong}; see `blockd status`"
    return ""
