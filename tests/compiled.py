"""`python -m tests.compiled WHEEL`: runs the resolver's tests against the wheel's compiled modules.

They are the same tests that the pure modules pass. Further arguments go to pytest. A wheel is
built by `pip wheel --no-deps .`; see hatch_build.py.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TESTS = ["tests/resolver", "tests/e2e"]


def main() -> int:
    """Unpack the wheel over a copy of the tree, and run the tests there."""
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    wheel, *arguments = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="blockd-compiled-") as scratch:
        tree = Path(scratch) / "tree"
        leave = shutil.ignore_patterns(".git", ".venv", "*.pyc", "*.so")
        shutil.copytree(ROOT, tree, ignore=leave)
        with zipfile.ZipFile(wheel) as packed:
            modules = [name for name in packed.namelist() if name.endswith(".so")]
            if not modules:
                raise SystemExit(f"{wheel} is pure Python: there is nothing compiled in it")
            packed.extractall(tree, modules)
        environment = {**os.environ, "PYTHONPATH": str(tree)}
        command = [sys.executable, "-m", "pytest", *(arguments or TESTS)]
        return subprocess.run(command, cwd=tree, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
