"""Builds the package: reads what it needs to know, and composes the other modules."""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from email.parser import HeaderParser
from pathlib import Path

from deb import elf, environment, layout, texts, versions
from deb.environment import BuildError

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(__file__).parent / "scripts"

_ALSO = [
    "systemd (>= 252)",  # runs it; makes users and directories when it is installed
    "procps",  # /bin/kill, which the units use
]


def main(words: Sequence[str]) -> int:
    """Build a package as the command line says; return the exit status."""
    parser = argparse.ArgumentParser(prog="build-deb", description="Builds blockd's .deb.")
    parser.add_argument("wheel", type=Path, help="blockd's wheel: pip wheel --no-deps .")
    parser.add_argument("--output", type=Path, default=Path(), help="a directory (default: here)")
    parser.add_argument("--revision", default="1", help="the package's own number (default: 1)")
    parser.add_argument(
        "--maintainer", default=_maintainer(), help="NAME <ADDRESS>; also DEBFULLNAME and DEBEMAIL"
    )
    parser.add_argument(
        "--python", type=Path, default=Path("/usr/bin/python3"),
        help="the interpreter of the Debian release that it is for (default: /usr/bin/python3)",
    )  # fmt: skip
    parser.add_argument("--constraints", type=Path, default=ROOT / "constraints.txt")
    given = parser.parse_args(words)
    try:
        print(build(given))
    except BuildError as error:
        print(f"build-deb: {error}", file=sys.stderr)
        return 1
    return 0


def _maintainer() -> str:
    name = os.environ.get("DEBFULLNAME", "blockd")
    return f"{name} <{os.environ.get('DEBEMAIL', 'blockd@package.invalid')}>"


def build(given: argparse.Namespace) -> Path:
    """Build the package; return where it is. Raises BuildError."""
    metadata = _metadata(given.wheel)
    try:
        version = versions.debian(metadata["Version"], given.revision)
    except ValueError as error:
        raise BuildError(str(error)) from None
    seconds = _epoch()
    major, minor = _python(given.python)
    architecture = _output("dpkg", "--print-architecture")
    with tempfile.TemporaryDirectory(prefix="blockd-deb-") as scratch:
        stage = Path(scratch) / "root"
        stage.mkdir()
        packages = environment.build(stage, given.wheel, given.constraints, given.python)
        unlocked = environment.unlocked(packages, given.constraints.read_text(encoding="utf-8"))
        if unlocked:
            raise BuildError(f"{given.constraints} fixes no version of {', '.join(unlocked)}")
        layout.lay_out(stage, packages, ROOT, seconds)
        libraries = [each for each in environment.libraries(packages) if each.name != "blockd"]
        licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
        layout.add_documents(
            stage,
            texts.changelog(version, given.maintainer, seconds),
            texts.copyright_file(licence, libraries),
        )
        depends = [*texts.python_bounds(major, minor), *elf.depends(_objects(packages)), *_ALSO]
        facts = texts.Facts(
            version, architecture, given.maintainer, depends,
            summary=texts.summary(metadata["Summary"]), size=layout.size(stage),
        )  # fmt: skip
        _control(stage, facts)
        layout.settle(stage, seconds)
        # An epoch is no part of the file's name (deb-version(7)).
        name = f"blockd_{version.rpartition(':')[2]}_{architecture}.deb"
        given.output.mkdir(parents=True, exist_ok=True)
        _pack(stage, given.output / name, seconds)
    return Path(given.output / name)


def _metadata(wheel: Path) -> "dict[str, str]":
    """Return the headers of a wheel's METADATA."""
    try:
        with zipfile.ZipFile(wheel) as packed:
            (name,) = (
                each for each in packed.namelist()
                if re.fullmatch(r"blockd-[^/]*\.dist-info/METADATA", each)
            )  # fmt: skip
            return dict(HeaderParser().parsestr(packed.read(name).decode()).items())
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise BuildError(f"{wheel} is no wheel of blockd: {error}") from None


def _epoch() -> int:
    """Return the time that everything in the package has: the source's, not the build's."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not given:
        try:
            given = _output("git", "-C", str(ROOT), "log", "-1", "--format=%ct")
        except BuildError:
            raise BuildError(
                "this is no git checkout that would tell its date; set SOURCE_DATE_EPOCH"
            ) from None
    return int(given)


def _python(python: Path) -> tuple[int, int]:
    """Return an interpreter's version."""
    major, minor = _output(str(python), "-c", "import sys; print(*sys.version_info[:2])").split()
    return int(major), int(minor)


def _output(*argv: str) -> str:
    try:
        done = subprocess.run(argv, check=True, capture_output=True, text=True)  # noqa: S603 - our own arguments
    except (OSError, subprocess.CalledProcessError) as error:
        raise BuildError(f"{error}") from None
    return done.stdout.strip()


def _objects(packages: Path) -> "list[bytes]":
    found = (path.read_bytes() for path in sorted(packages.rglob("*.so*")) if path.is_file())
    return [content for content in found if content.startswith(elf.MAGIC)]


def _control(stage: Path, facts: texts.Facts) -> None:
    """Write what dpkg reads: the control file, the sums, and the maintainer scripts."""
    sums = texts.md5sums(layout.digests(stage))
    place = stage / "DEBIAN"
    place.mkdir()
    (place / "control").write_text(texts.control(facts))
    (place / "md5sums").write_text(sums)
    for script in sorted(SCRIPTS.iterdir()):
        (place / script.name).write_bytes(script.read_bytes())


def _pack(stage: Path, package: Path, seconds: int) -> None:
    # dpkg-deb sorts; with one thread the compressor's blocks do not depend on the machine.
    done = subprocess.run(  # noqa: S603 - our own arguments
        ["dpkg-deb", "--root-owner-group", "--threads-max=1", "--build", str(stage), str(package)],  # noqa: S607 - Debian's
        check=False, capture_output=True, text=True,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(seconds)},
    )  # fmt: skip
    if done.returncode:
        raise BuildError(f"dpkg-deb: {done.stderr}")
