"""Performs steps on a host. What they are is decided elsewhere."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from blockd.errors import GuardError, ListError, UnreachableError, UsageError
from blockd.setup import layout
from blockd.setup.steps import Keep, Link, Move, Remove, Run, Step, Write

_VERDICTS = {each.exit_status: each for each in (ListError, GuardError)}

PATIENCE = 900
"""Seconds until a program that does not end counts as failed: compiling a long list takes some."""


def perform(
    steps: Iterable[Step], root: Path, run: Callable[[Run], None] | None = None
) -> Iterator[Step]:
    """Perform steps in their order, and yield each when it is done.

    Args:
        steps: what is to be done.
        root: the host's file system.
        run: how programs are run; None: on this host.

    Raises:
        UsageError: a file cannot be changed; what came before is done, and nothing else.
        ListError, GuardError: blockd itself refuses the lists, likewise.
        UnreachableError: a program failed, likewise.
    """
    for step in steps:
        if isinstance(step, Run):
            (run or _ran)(step)
        else:
            try:
                with _readable():
                    _changed(step, root)
            except OSError as error:
                where = error.filename2 or error.filename
                raise UsageError(
                    f"cannot {step.said}: {where}: {error.strerror}. What was said before is done;"
                    " mend this, and run the same again: it goes on from here"
                ) from None
        yield step


def _changed(step: Step, root: Path) -> None:
    match step:
        case Write(path=path, content=content, mode=mode):
            _write(_at(root, path), content, mode)
        case Link(path=path, target=target):
            place = _at(root, path)
            place.parent.mkdir(parents=True, exist_ok=True)
            with _beside(place) as beside:
                beside.symlink_to(target)
                beside.replace(place)
        case Keep(path=path, at=at):
            # A link stays one, and a file keeps its owner, mode and times.
            os.link(_at(root, path), _at(root, at), follow_symlinks=False)
        case Move(path=path, to=to):
            _move(_at(root, path), _at(root, to))
        case Remove(path=path, tree=tree):
            _remove(_at(root, path), tree=tree)


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    """Have directories be open to services, whatever the umask of whoever runs this."""
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)


def _at(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def _write(place: Path, content: bytes, mode: int) -> None:
    place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with _beside(place) as beside:
        with beside.open("xb") as file:
            with contextlib.suppress(FileNotFoundError):
                before = place.lstat()  # of a file that a group may read, the group stays
                os.fchown(file.fileno(), before.st_uid, before.st_gid)
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(place)


@contextlib.contextmanager
def _beside(place: Path) -> Iterator[Path]:
    """Yield a name in a new directory on the same file system, which goes afterwards."""
    directory = Path(tempfile.mkdtemp(prefix=layout.BESIDE, dir=place.parent))
    try:
        yield directory / place.name
    finally:
        shutil.rmtree(directory)


def _move(place: Path, to: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if to.samefile(place) and not to.is_symlink():
            # rename(2) does nothing where both are names of one file.
            place.unlink()
            return
    place.replace(to)


def _remove(place: Path, *, tree: bool) -> None:
    if place.is_symlink() or not place.is_dir():
        place.unlink(missing_ok=True)
    elif tree:
        shutil.rmtree(place)
    else:
        place.rmdir()


def _ran(step: Run) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - fixed commands, with names of units and users
            step.argv, check=False, capture_output=True, text=True, timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except FileNotFoundError:
        raise UnreachableError(f"{step.argv[0]} is not installed; {_again(step)}") from None
    except subprocess.TimeoutExpired:
        raise UnreachableError(f"not done in {PATIENCE // 60} minutes: {_again(step)}") from None
    if done.returncode not in {0, step.accept}:
        said = (done.stdout + done.stderr).strip() or f"status {done.returncode}"
        # One of blockd's own begins as this one will.
        sentence = f"{said.removeprefix('blockd: ')}\nblockd: that was {_again(step)}"
        if step.judges and done.returncode in _VERDICTS:
            raise _VERDICTS[done.returncode](sentence)
        raise UnreachableError(sentence)


def _again(step: Run) -> str:
    return (
        f"`{step.said}`. What was said before is done; mend this, and run the same again: it goes"
        " on from here"
    )
