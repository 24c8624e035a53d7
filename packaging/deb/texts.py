"""The texts that a Debian package consists of besides its files. Pure: from facts to text."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

_DESCRIPTION = """\
 blockd enforces a watched list on a gateway, on two planes at once: a resolver
 answers the listed names itself and forwards every other question, and null
 routes in the kernel drop traffic to the listed prefixes. One list drives both,
 a list with a mistake changes nothing, and no record is kept of who asked.
 .
 Installed, it blocks nothing and leaves port 53 alone: "blockd setup" or
 "systemctl enable" puts it to work."""

_LIBRARIES = """\
It comes with these libraries, unchanged, from the Python Package Index, in
/opt/blockd. Their licence files lie beside them, in *.dist-info."""

_COMMON = (
    ("Apache-2.0", r"Apache License\s+Version 2\.0, January 2004"),
    ("GPL-2", r"GNU GENERAL PUBLIC LICENSE\s+Version 2, June 1991"),
    ("MPL-2.0", r"Mozilla Public License,? Version 2\.0"),
)
"""Licences that Debian Policy 12.5 wants referred to where base-files has them."""


@dataclass(frozen=True)
class Library:
    """One of the distributions that the package is made of."""

    name: str
    version: str
    licence: str
    """As its metadata declares it."""
    texts: tuple[str, ...]
    """The licence files that it comes with."""


@dataclass(frozen=True)
class Facts:
    """What the control file says."""

    version: str
    architecture: str
    maintainer: str
    depends: Sequence[str]
    summary: str
    size: int
    """KiB on disk, as Policy 5.6.20 estimates them."""


def control(facts: Facts) -> str:
    """Return DEBIAN/control."""
    return f"""\
Package: blockd
Version: {facts.version}
Architecture: {facts.architecture}
Maintainer: {facts.maintainer}
Installed-Size: {facts.size}
Depends: {", ".join(facts.depends)}
Recommends: ca-certificates
Section: net
Priority: optional
Description: {facts.summary}
{_DESCRIPTION}
"""


def summary(text: str) -> str:
    """Return the first part of a summary as a synopsis: no sentence, so without its capital.

    Debian Policy 3.4.1; names within keep theirs.
    """
    first = text.partition(":")[0]
    return first[:1].lower() + first[1:]


def python_bounds(major: int, minor: int) -> list[str]:
    """Return the dependencies on the one Python whose modules the package holds compiled."""
    return [f"python3 (>= {major}.{minor})", f"python3 (<< {major}.{minor + 1})"]


def changelog(version: str, maintainer: str, seconds: int) -> str:
    """Return changelog.Debian, deb-changelog(5): one entry, since the rest is upstream's."""
    date = format_datetime(datetime.fromtimestamp(seconds, UTC))
    return f"""\
blockd ({version}) stable; urgency=medium

  * Built from the wheel of this version; changelog.gz says what is new.

 -- {maintainer}  {date}
"""


def copyright_file(licence: str, libraries: Sequence[Library]) -> str:
    """Return the copyright file: blockd's own licence, and those of all that it brings along."""
    parts = [
        "blockd is built from its own source; its licence:",
        _indented(licence),
        _LIBRARIES,
    ]
    for library in sorted(libraries, key=lambda each: each.name.lower()):
        parts.append(f"{library.name} {library.version}, {library.licence}:")
        parts += [_indented(_referred(text)) for text in library.texts]
    return "\n\n".join(parts) + "\n"


def _referred(text: str) -> str:
    """Return a licence text, or where it is, for one that every Debian system has."""
    for name, title in _COMMON:
        if re.search(title, text) and len(text) > 5000:
            return f"The text is in /usr/share/common-licenses/{name}."
    return text


def _indented(text: str) -> str:
    lines = (line.rstrip() for line in text.strip().splitlines())
    return "\n".join(f"    {line}".rstrip() for line in lines)


def md5sums(digests: Mapping[str, str]) -> str:
    """Return DEBIAN/md5sums, deb-md5sums(5), of paths without a leading slash."""
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(digests.items()))
