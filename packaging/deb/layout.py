"""Where the files of the package lie, and how: owners, modes and times that never differ.

Fills a staging directory around the environment that is there already.
"""

import gzip
import hashlib
import os
import shutil
import stat
import subprocess
from pathlib import Path

from deb.environment import HOME, BuildError

DOCUMENTS = Path("usr/share/doc/blockd")
EXAMPLE = Path("usr/share/blockd/blockd.toml")
_UNITS = (".service", ".socket", ".timer")
_SNIPPETS = {
    "sysusers.d": "usr/lib/sysusers.d",
    "tmpfiles.d": "usr/lib/tmpfiles.d",
    "networkd.conf.d": "usr/lib/systemd/networkd.conf.d",
}
_COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/blockd",
    "zsh": "usr/share/zsh/vendor-completions/_blockd",
    "fish": "usr/share/fish/vendor_completions.d/blockd.fish",
}

_EXAMPLE = "from blockd.setup.example import example; print(example(), end='')"


def lay_out(stage: Path, packages: Path, root: Path, seconds: int) -> None:
    """Put everything but the environment in its place.

    Args:
        stage: the root of the future package, with the environment in it.
        packages: the environment's site-packages.
        root: the checkout that the documents come from.
        seconds: the time of the source, since 1970, which manual pages show.
    """
    shipped = packages / "blockd/shipped"
    for path in sorted((shipped / "systemd").iterdir()):
        if path.suffix in _UNITS:
            _put(path, stage / "usr/lib/systemd/system" / path.name)
    for kind, place in _SNIPPETS.items():
        for path in sorted((shipped / "systemd" / kind).iterdir()):
            _put(path, stage / place / path.name)
    (stage / "usr/bin").mkdir(parents=True)
    (stage / "usr/bin/blockd").symlink_to(f"/{HOME}/bin/blockd")
    _put(root / "README.md", stage / DOCUMENTS / "README.md")
    _compressed((root / "CHANGELOG.md").read_bytes(), stage / DOCUMENTS / "changelog.gz")
    for name in ("rules", "monitoring"):
        shutil.copytree(shipped / name, stage / DOCUMENTS / "examples" / name)
    _put(Path(__file__).parent / "lintian-overrides", stage / "usr/share/lintian/overrides/blockd")
    _ask_the_program(stage, seconds)


def _ask_the_program(stage: Path, seconds: int) -> None:
    """Have the program itself write its example configuration, manual and completions."""
    example = stage / EXAMPLE
    example.parent.mkdir(parents=True)
    example.write_text(_said(stage, seconds, "-c", _EXAMPLE))
    manual = stage / "usr/share/man"
    _said(stage, seconds, "-m", "blockd", "help", "--man", str(manual))
    for page in sorted(manual.glob("man?/*")):
        _compressed(page.read_bytes(), page.with_name(f"{page.name}.gz"))
        page.unlink()
    for shell, place in _COMPLETIONS.items():
        text = _said(stage, seconds, "-m", "blockd", "completion", shell)
        path = stage / place
        path.parent.mkdir(parents=True)
        path.write_text(text)


def _said(stage: Path, seconds: int, *words: str) -> str:
    """Return what the staged interpreter prints."""
    argv = [str(stage / HOME / "bin/python3"), "-B", *words]
    environ = {**os.environ, "SOURCE_DATE_EPOCH": str(seconds), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(argv, check=False, capture_output=True, text=True, env=environ)  # noqa: S603 - our own arguments
    if done.returncode:
        raise BuildError(f"{' '.join(argv)}: status {done.returncode}\n{done.stderr}")
    return done.stdout


def _put(source: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, place)


def _compressed(content: bytes, place: Path) -> None:
    """Write as `gzip -9n` does: without a name and a time (Debian Policy 12.3, 12.7)."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(gzip.compress(content, 9, mtime=0))


def add_documents(stage: Path, changelog: str, licences: str) -> None:
    """Add the two documents that every package has."""
    _compressed(changelog.encode(), stage / DOCUMENTS / "changelog.Debian.gz")
    (stage / DOCUMENTS / "copyright").write_text(licences)


def settle(stage: Path, seconds: int) -> None:
    """Give every file the mode and the time that it has in every build; root owns them all.

    Whether a file may be run is told by its place: a wheel's own word for it is the umask of
    whoever packed it.
    """
    for path in sorted(stage.rglob("*")):
        if not path.is_symlink():
            scripts = path.parent in {stage / HOME / "bin", stage / "DEBIAN"}
            runs = path.is_dir() or (scripts and path.name not in {"control", "md5sums"})
            path.chmod(0o755 if runs else 0o644)
    for path in [*sorted(stage.rglob("*"), reverse=True), stage]:
        os.utime(path, (seconds, seconds), follow_symlinks=False)
    stage.chmod(0o755)


def digests(stage: Path) -> dict[str, str]:
    """Return the MD5 sum of each file by its path in the package."""
    return {
        str(path.relative_to(stage)): hashlib.md5(path.read_bytes()).hexdigest()  # noqa: S324 - deb-md5sums(5)
        for path in sorted(stage.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def size(stage: Path) -> int:
    """Return KiB on disk: files each rounded up, and one for anything else (Policy 5.6.20)."""
    total = 0
    for path in stage.rglob("*"):
        found = path.lstat()
        total += -(-found.st_size // 1024) if stat.S_ISREG(found.st_mode) else 1
    return total
