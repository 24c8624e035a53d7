"""What setup does to a host, as values: each step prints itself as the shell would do it.

A step knows whether it is done by what is on the disk; whether a command is needed is known by
whoever plans it. Performing is `act`'s business. Pure.
"""

import posixpath
import shlex
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from msgspec import Struct


class Kind(StrEnum):
    """What a path is."""

    FILE = "file"
    LINK = "link"
    DIRECTORY = "directory"
    OTHER = "other"


class Node(NamedTuple):
    """What stands at a path; nothing there is no node."""

    kind: Kind
    content: bytes = b""
    """Of a file; of a link its target."""
    mode: int = 0o644
    """Permission bits, of a file or directory."""
    empty: bool = True
    """Whether a directory holds nothing."""


Tree = Mapping[str, Node]
"""By absolute path, what stands there."""


class Step(Protocol):
    """One change."""

    @property
    def said(self) -> str:
        """What it does, in a line for people."""

    def shell(self) -> list[str]:
        """Return the lines of a shell script that does the same."""

    def is_done(self, tree: Tree) -> bool:
        """Tell whether the disk is already as this would leave it."""


class Write(Struct, frozen=True):
    """Write a file whole; directories above it that are missing are made."""

    path: str
    content: bytes
    mode: int = 0o644
    source: str = ""
    """Of which file it is a copy; empty: its content is made here."""
    made_by: str = ""
    """A shell command that writes it too, maybe with others; empty: there is none."""

    @property
    def said(self) -> str:
        """What it does."""
        return f"write {self.path}"

    def shell(self) -> list[str]:
        """Return a copy's command, else the content as a here-document."""
        if self.made_by:
            return [self.made_by]
        mode = f"{self.mode:04o}"
        if self.source:
            return [shlex.join(["install", "-D", "-m", mode, self.source, self.path])]
        lines = self.content.decode("utf-8", "replace").removesuffix("\n").split("\n")
        lines = lines if self.content else []
        end = "END"
        while end in lines:
            end += "_"
        command = shlex.join(["install", "-D", "-m", mode, "/dev/stdin", self.path])
        return [f"{command} <<'{end}'", *lines, end]

    def is_done(self, tree: Tree) -> bool:
        """Tell whether it stands there."""
        return tree.get(self.path) == Node(Kind.FILE, self.content, self.mode)


class Link(Struct, frozen=True):
    """Put a symbolic link in a path's place."""

    path: str
    target: str

    @property
    def said(self) -> str:
        """What it does."""
        return f"link {self.path} to {self.target}"

    def shell(self) -> list[str]:
        """Return the command."""
        return [
            shlex.join(["mkdir", "-p", posixpath.dirname(self.path)]),
            shlex.join(["ln", "-sfn", self.target, self.path]),
        ]

    def is_done(self, tree: Tree) -> bool:
        """Tell whether it leads there."""
        found = tree.get(self.path)
        return found is not None and found[:2] == (Kind.LINK, self.target.encode())


class Keep(Struct, frozen=True):
    """Give a file or link a second name, so that it survives what is put in its place."""

    path: str
    at: str

    @property
    def said(self) -> str:
        """What it does."""
        return f"keep {self.path} as {self.at}"

    def shell(self) -> list[str]:
        """Return the command: a hard link, with owner, mode and times as they are."""
        return [shlex.join(["ln", "-P", self.path, self.at])]

    def is_done(self, tree: Tree) -> bool:
        """Tell whether something is kept: the first is the original."""
        return self.at in tree


class Move(Struct, frozen=True):
    """Put a file or link under another name, in place of what stands there."""

    path: str
    to: str

    @property
    def said(self) -> str:
        """What it does."""
        return f"move {self.path} to {self.to}"

    def shell(self) -> list[str]:
        """Return the command."""
        return [shlex.join(["mv", "-fT", self.path, self.to])]

    def is_done(self, tree: Tree) -> bool:
        """Tell whether there is nothing left to move."""
        return self.path not in tree


class Remove(Struct, frozen=True):
    """Remove a file, a link, an empty directory, or with `tree` all of a directory."""

    path: str
    tree: bool = False

    @property
    def said(self) -> str:
        """What it does."""
        return f"remove {self.path}{' and all in it' if self.tree else ''}"

    def shell(self) -> list[str]:
        """Return the command."""
        return [shlex.join(["rm", "-rf" if self.tree else "-df", self.path])]

    def is_done(self, tree: Tree) -> bool:
        """Tell whether nothing is there."""
        return self.path not in tree


class Run(Struct, frozen=True):
    """Run a program, which has to succeed."""

    argv: tuple[str, ...]
    accept: int = 0
    """Another exit status that is well."""
    judges: bool = False
    """Whether it is blockd itself that judges the lists, so that its exit status is the verdict."""

    @property
    def said(self) -> str:
        """What it does."""
        return shlex.join(self.argv)

    def shell(self) -> list[str]:
        """Return the command."""
        return [f"{self.said}{f' || [ $? = {self.accept} ]' if self.accept else ''}"]

    def is_done(self, tree: Tree) -> bool:  # noqa: ARG002 - the disk does not tell
        """Tell that it is planned only where it is needed."""
        return False


def pending(steps: Sequence[Step], tree: Tree) -> list[Step]:
    """Return the steps that are not done."""
    return [step for step in steps if not step.is_done(tree)]


class Document(NamedTuple):
    """A file that the program itself makes: a manual page, or what completes it in a shell."""

    content: bytes
    made_by: str
    """The shell command that writes it."""


class Plan(NamedTuple):
    """What is to be done now, and what remains for the operator."""

    steps: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()
    """What is worth knowing, a sentence each."""
    troubles: tuple[str, ...] = ()
    """What keeps blockd from running, each with its remedy."""
    question: str = ""
    """What has to be agreed to before the rest can be done; empty: nothing."""

    def script(self) -> str:
        """Return it all as a shell script that can be read, or run."""
        lines = ["set -eu", "umask 022"]
        written: set[str] = set()
        for step in self.steps:
            made_by = step.made_by if isinstance(step, Write) else ""
            lines += [] if made_by in written else step.shell()
            written |= {made_by} - {""}
        return "\n".join(lines)
