"""`blockd completion`: the script by which a shell completes verbs, options and their values."""

import click

from blockd.cli import output

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_BLOCKD_COMPLETE"
"""Set by the script when it asks; click's own name for it."""


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    For this session: source <(blockd completion bash), or blockd completion fish | source. For
    all of them put it where the shell looks: /etc/bash_completion.d/blockd,
    /usr/share/zsh/site-functions/_blockd or /etc/fish/completions/blockd.fish.
    """
    output.line(script(context.find_root().command, shell))


def script(program: click.Command, shell: str) -> str:
    """Return the completion script of one of `SHELLS`."""
    from click.shell_completion import ShellComplete, get_completion_class  # noqa: PLC0415

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click has all of `SHELLS`
    made = kind(program, {}, "blockd", VARIABLE)
    # The plain text: bash's own `source` starts a bash, to find out whether it is too old.
    return ShellComplete.source(made).strip()
