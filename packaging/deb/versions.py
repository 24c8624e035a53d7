"""Versions: a wheel's (PEP 440) as Debian's (deb-version(7)), in the same order. Pure."""

import re

_VERSION = re.compile(
    r"(?:(?P<epoch>[1-9]\d*)!|0!)?(?P<release>\d+(?:\.\d+)*)(?P<pre>(?:a|b|rc)\d+)?"
    r"(?:\.post(?P<post>\d+))?(?:\.dev(?P<dev>\d+))?"
)


def debian(version: str, revision: str) -> str:
    """Return a version in Debian's words, as `0.2.0~rc1-1`.

    Args:
        version: as a wheel's metadata has it, that is, normalised.
        revision: which package of that version it is: digits, or what a distribution appends.

    Raises:
        ValueError: it is no such version, or a local one (`+...`): what differs from the release
            is for the revision to say.
    """
    found = _VERSION.fullmatch(version)
    if found is None:
        raise ValueError(f"{version} is no public version of PEP 440")
    if not re.fullmatch(r"[A-Za-z0-9+.~]+", revision):
        raise ValueError(f"revision {revision!r} has other characters than deb-version(7) allows")
    epoch, release, pre, post, dev = found.group("epoch", "release", "pre", "post", "dev")
    return "".join((
        f"{epoch}:" if epoch else "",
        release,
        # A tilde sorts before the end, so these come before the release itself, and two of them
        # before one: 1.0.dev1 is older than 1.0a1.
        f"~{pre}" if pre else "",
        # "+" sorts before ".", so this comes before 1.0.1.
        f"+post{post}" if post else "",
        f"~~dev{dev}" if dev else "",
        f"-{revision}",
    ))  # fmt: skip
