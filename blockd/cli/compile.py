"""`blockd compile`: check, guard, commit; with --wait until every running plane follows."""

import click

from blockd.cli import output
from blockd.cli.output import json_option
from blockd.cli.progress import Progress
from blockd.cli.setting import Setting
from blockd.errors import ChangeError, UsageError

_NO_LOGIN = 2**32 - 1  # proc_pid_loginuid(5): the process belongs to no session
_LOOK = 0.02  # seconds between questions to a plane that has not adopted yet


@click.command("compile")
@click.option("--wait", is_flag=True, help="Return when every running plane enforces the result.")
@click.option("--timeout", default=30.0, help="Seconds that --wait takes at most.")
@click.option("--resume", is_flag=True, help="End the hold of a rollback.")
@click.option(
    "--accept",
    metavar="DIGEST",
    help="Confirm the change of that digest, and no other, beyond the guard's limits on changes."
    " Who did so is kept in the history. During the hold of a rollback it takes --resume as well.",
)
@json_option
@click.pass_obj
def compile_(
    given: Setting, *, wait: bool, timeout: float, resume: bool, accept: str | None, json: bool
) -> None:
    """Check, guard and commit the lists; print the difference and the generation.

    A list with errors changes nothing: the generation in force stays, and the status is 1 or 3.
    Nor does a change beyond the guard's limits; what is printed then says how to confirm it.
    """
    from datetime import UTC, datetime  # noqa: PLC0415

    from blockd.errors import GuardError, ListError  # noqa: PLC0415
    from blockd.policy import publish  # noqa: PLC0415
    from blockd.policy.record import Acceptance  # noqa: PLC0415

    now = datetime.now(UTC)
    accepted = Acceptance(digest=accept, by=_who()) if accept else None
    try:
        with Progress() as step:
            outcome = publish.publish(
                given.store, given.config, now, resume=resume, accept=accepted, told=step
            )
    except (ListError, GuardError) as error:
        # No entry stays in force past its date because a file is broken.
        expired = publish.expire(given.store, now)
        for issue in error.issues:
            output.note(str(issue))
        if expired is not None:
            output.note(f"generation {expired.number}: entries past their day were removed")
        if error.issues:
            raise type(error)(error.brief) from None  # they have been shown
        if resume and isinstance(error, ChangeError):
            raise to_resume(error) from None
        raise
    if accept and outcome.held and not outcome.committed:
        raise UsageError(
            f"--accept {accept} confirmed nothing: generation {outcome.number} is held since a"
            " rollback, until the lists change; `blockd compile --resume --accept"
            f" {accept}` ends that and makes the change"
        )
    planes = _wait(given, outcome.number, timeout) if wait else []
    if json:
        output.json(
            {
                "generation": outcome.number,
                "committed": outcome.committed,
                "held": outcome.held,
                "state": str(given.state),
                "difference": outcome.difference.plain(),
                "issues": [str(issue) for issue in outcome.issues],
                "more_issues": outcome.more_issues,
                "planes": planes,
            }
        )
        return
    for issue in outcome.issues:
        output.note(str(issue))
    if outcome.more_issues:
        output.note(f"and {outcome.more_issues:,} more: see `blockd check`")
    if outcome.held:
        output.line(
            f"generation {outcome.number} is held since a rollback; `blockd compile --resume` ends"
            " that, and so does a change of the lists"
        )
    elif outcome.committed:
        output.line(
            f"generation {outcome.number}: {output.counts(outcome.difference)}; in {given.state}"
        )
    else:
        output.line(f"generation {outcome.number} is current: nothing has changed")
    for plane in planes:
        output.line(plane)


def shown_while_held(given: Setting, error: ChangeError) -> ChangeError:
    """Return a refusal with the remedy that works now, be it during the hold of a rollback."""
    number = given.store.current()
    held = number is not None and given.store.record(number).held_inputs is not None
    return to_resume(error) if held else error


def to_resume(error: ChangeError) -> ChangeError:
    """Return a refusal whose remedy works during the hold of a rollback."""
    sentence = str(error).replace("compile --accept", "compile --resume --accept")
    return ChangeError(sentence, error.issues, digest=error.digest, beyond=error.beyond)


def _who() -> str:
    """Return who runs this, and as whom they logged in where that is somebody else."""
    import os  # noqa: PLC0415
    import pwd  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    def named(uid: int) -> str:
        try:
            return pwd.getpwuid(uid).pw_name
        except KeyError:
            return f"uid {uid}"

    own = os.getuid()
    try:
        login = int(Path("/proc/self/loginuid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        login = _NO_LOGIN
    if login in {_NO_LOGIN, own}:
        return named(own)
    return f"{named(own)}, logged in as {named(login)}"


def _wait(given: Setting, number: int, timeout: float) -> list[str]:
    """Wait until each running plane reports the generation; name those that are down.

    Raises:
        UnreachableError: a running plane has not adopted it in time.
    """
    import time  # noqa: PLC0415

    from blockd.errors import AbsentError, UnreachableError  # noqa: PLC0415
    from blockd.service import control  # noqa: PLC0415
    from blockd.service.standing import problems  # noqa: PLC0415

    deadline = time.monotonic() + timeout
    said = []
    for plane in ("resolver", "routes"):
        if plane == "routes" and not given.config.routes.enabled:
            continue
        while True:
            try:
                status = control.ask(given.control(plane))
            except AbsentError:
                said.append(f"{plane}: not running")
                break
            except UnreachableError:
                # It runs, and may be slow to answer: that is no reason to say it follows.
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_LOOK)
                continue
            adopted = status.get("generation")
            if isinstance(adopted, int) and adopted >= number and status.get("ready"):
                said.append(f"{plane}: enforces generation {adopted}")
                break
            if time.monotonic() >= deadline:
                why = "; ".join(problems(status)) or "it gives no reason"
                raise UnreachableError(
                    f"{plane} still enforces generation {adopted}, not {number}, after"
                    f" {timeout:g} s: {why}"
                )
            time.sleep(_LOOK)
    return said
