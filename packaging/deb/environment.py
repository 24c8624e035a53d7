"""The program's environment: a venv below a staging directory that works once it is in /opt.

Everything in it comes from wheels of the versions that the constraints name. What would tell
of the machine that built it, or differ from build to build, is taken out.
"""

import base64
import csv
import hashlib
import io
import re
import shutil
import subprocess
import sys
from email.parser import HeaderParser
from pathlib import Path

from deb.texts import Library

HOME = Path("opt/blockd")
"""Where it is, below the root."""

_PROGRAM = "blockd"


class BuildError(Exception):
    """What keeps the package from being built, and what to do about it."""


def build(stage: Path, wheel: Path, constraints: Path, python: Path) -> Path:
    """Install a wheel with what it needs below a staging directory; return its site-packages.

    Args:
        stage: the root of the future package; an empty directory.
        wheel: blockd's.
        constraints: the versions, as for `pip install -c`.
        python: Debian's own interpreter, to which the environment will belong.

    Raises:
        BuildError: with what pip or venv said.
    """
    home = stage / HOME
    _run([str(python), "-m", "venv", "--without-pip", str(home)])
    _run([
        sys.executable, "-m", "pip", f"--python={home}/bin/python3", "install", "--quiet",
        # Compiled by the package's postinst: the octets of .pyc files hold times and paths.
        "--no-compile", "--only-binary=:all:", "--disable-pip-version-check",
        f"--constraint={constraints}", f"blockd[verify] @ {wheel.resolve().as_uri()}",
    ])  # fmt: skip
    (packages,) = home.glob("lib/python3.*/site-packages")
    _settle(home, python)
    for information in packages.glob("*.dist-info"):
        _tidy(information)
    return packages


def _run(argv: list[str]) -> None:
    done = subprocess.run(argv, check=False, capture_output=True, text=True)  # noqa: S603 - our own arguments
    if done.returncode:
        raise BuildError(f"{' '.join(argv)}: status {done.returncode}\n{done.stdout}{done.stderr}")


def _settle(home: Path, python: Path) -> None:
    """Make it an environment of /opt/blockd: links, pyvenv.cfg and the one program."""
    script = (home / "bin" / _PROGRAM).read_text()
    for path in (home / "bin").iterdir():
        path.unlink()
    (home / "lib64").unlink(missing_ok=True)  # a link to lib
    for name in ("include", "share"):  # for compilers; manual pages of libraries' own programs
        shutil.rmtree(home / name, ignore_errors=True)
    (home / "bin/python3").symlink_to(python)
    (home / "bin/python").symlink_to("python3")
    # The first line named the staging directory's interpreter.
    (home / "bin" / _PROGRAM).write_text(re.sub(r"\A#!.*", f"#!/{HOME}/bin/python3", script))
    # site.rst: `home` is where the interpreter that this one belongs to is.
    text = f"home = {python.parent}\ninclude-system-site-packages = false\n"
    (home / "pyvenv.cfg").write_text(text)


def _tidy(information: Path) -> None:
    """Drop where a wheel lay, and have RECORD list what is there as it is."""
    (information / "direct_url.json").unlink(missing_ok=True)
    rows = []
    record = information / "RECORD"
    for name, digest, size in csv.reader(io.StringIO(record.read_text())):
        path = information.parent / name
        if name.endswith(f"bin/{_PROGRAM}"):
            content = path.read_bytes()
            sha256 = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
            # PEP 427: urlsafe base64 without padding.
            rows.append((name, f"sha256={sha256.decode().rstrip('=')}", str(len(content))))
        elif path.exists():
            rows.append((name, digest, size))
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(sorted(rows))
    record.write_text(written.getvalue())


def libraries(packages: Path) -> list[Library]:
    """Return what is installed, blockd itself included, each with its licence."""
    found = []
    for information in sorted(packages.glob("*.dist-info")):
        headers = HeaderParser().parsestr((information / "METADATA").read_text(encoding="utf-8"))
        declared = headers["License-Expression"] or (headers["License"] or "").partition("\n")[0]
        if not declared:
            classified = (each for each in headers.get_all("Classifier", []) if "License" in each)
            declared = next(classified, "as follows").rpartition(":: ")[2]
        texts = (
            path.read_text(encoding="utf-8", errors="replace")
            for path in sorted(information.rglob("*"))
            if path.is_file() and re.match(r"(?i)(licen[cs]e|copying|notice)", path.name)
        )
        found.append(Library(headers["Name"], headers["Version"], declared, tuple(texts)))
    return found


def unlocked(packages: Path, constraints: str) -> list[str]:
    """Return what is installed without a version in the constraints, blockd itself aside."""
    fixed = {
        _normal(line.partition("==")[0])
        for line in constraints.splitlines()
        if "==" in line and not line.startswith("#")
    }
    names = (library.name for library in libraries(packages))
    return sorted(name for name in names if _normal(name) not in fixed | {_PROGRAM})


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.strip()).lower()  # PEP 503
