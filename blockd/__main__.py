"""The program's entry: runs the command line and turns errors into sentences and statuses."""

import sys

from blockd.errors import BlockdError


def main() -> None:
    """Run `blockd` with the process's arguments; exits with the design's statuses."""
    from blockd.cli.app import build  # noqa: PLC0415 - errors of importing are shown plainly too

    try:
        build()()
    except BlockdError as error:
        print(f"blockd: {error}", file=sys.stderr)  # noqa: T201 - this is a command line
        sys.exit(error.exit_status)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of a pipe has gone: nothing to say, nobody to say it to
        sys.exit(0)


if __name__ == "__main__":
    main()
