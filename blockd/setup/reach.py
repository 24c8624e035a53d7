"""Whether services, kept out of homes and run as users of their own, reach a program. Pure.

And whether root alone may change it, who runs it too: after the route daemon has stopped.
"""

import stat
from collections.abc import Mapping
from typing import NamedTuple

HIDDEN = ("/root", "/home", "/run/user", "/tmp", "/var/tmp")  # noqa: S108 - named, not used
"""What ProtectHome= and PrivateTmp= of the units hide: systemd.exec(5)."""

_REMEDY = (
    "install it where services may go, as root: `python3 -m venv /opt/blockd`,"
    " `/opt/blockd/bin/pip install BLOCKD` with what you installed it from, and then"
    " `/opt/blockd/bin/blockd setup`; with pipx: `pipx install --global`, or PIPX_HOME=/opt/pipx"
)


class Part(NamedTuple):
    """A file or directory that is read to run a program."""

    mode: int
    """st_mode of stat(2)."""
    owner: int = 0
    group: int = 0

    @property
    def is_directory(self) -> bool:
        """Tell whether it is one."""
        return stat.S_ISDIR(self.mode)

    def guarded(self) -> "Part":
        """Return it as if root alone could change it."""
        return self._replace(mode=self.mode & ~0o022, owner=0, group=0)


def obstacle(parts: Mapping[str, Part], program: str) -> str:
    """Return why services could not run a program, and what to do; empty: they can.

    Args:
        parts: by path, all that is read to run it, links followed, with the directories above.
        program: the program; not among the parts, it is not there.
    """
    if program not in parts:
        return f"{program} is not there, and units have to start it: {_REMEDY}"
    for path in sorted(parts):
        if path.startswith(tuple(f"{each}/" for each in HIDDEN)):
            return f"services cannot see {path}, which blockd runs from: {_REMEDY}"
    for path, part in sorted(parts.items()):
        needed = 0o001 if part.is_directory else 0o004
        if path == program:
            needed |= 0o001
        if part.mode & needed != needed:
            bits = "x" if part.is_directory else "rx" if path == program else "r"
            return (
                f"services, which run as users of their own, cannot read {path}:"
                f" `chmod o+{bits} {path}`"
            )
        if part.owner:
            return (
                f"{path} belongs to the user {part.owner}, who could have root run anything by it:"
                f" `chown -R root: {path}`"
            )
        loose = part.mode & (0o022 if part.group else 0o002)
        if loose and not (part.is_directory and part.mode & 0o1000):
            return (
                f"others than root may write to {path}, and could have root run anything by it:"
                f" `chmod -R go-w {path}`"
            )
    return ""
