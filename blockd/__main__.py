"""The program's entry: runs the command line and turns errors into sentences and statuses."""

import os
import sys

import click

from blockd.errors import BlockdError


def main() -> None:
    """Run `blockd` with the process's arguments; exits with the design's statuses."""
    try:
        status = _run()
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of a pipe has gone: nothing to say, nobody to say it to. What is still
        # buffered goes nowhere, or the interpreter would complain about it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC), sys.stdout.fileno())
        status = 0
    sys.exit(status)


def _run() -> int:
    from blockd.cli.app import build  # noqa: PLC0415 - errors of importing are shown plainly too

    try:
        return build().main(prog_name="blockd", standalone_mode=False) or 0
    except SystemExit:  # click's answer to a broken pipe, in any mode; it has silenced the streams
        return 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:  # Ctrl-C in a verb that is no daemon
        return 128 + 2
    except BlockdError as error:
        print(_complaint(f"blockd: {error}"), file=sys.stderr)  # noqa: T201 - a command line
        return error.exit_status


def _complaint(text: str) -> str:
    """Return a sentence about what went wrong, in a unit's journal with the priority of one."""
    if not os.environ.get("JOURNAL_STREAM"):
        return text  # and nothing is imported for it
    import logging  # noqa: PLC0415

    from blockd.service import logs  # noqa: PLC0415

    return logs.prefixed(text, logging.ERROR) if logs.in_journal() else text


if __name__ == "__main__":
    main()
