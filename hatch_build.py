"""Compiles the resolver's hot path into the wheel, where a C compiler is present.

mypyc translates the very modules that run without it, so that there is one source and the same
behaviour; without a compiler, or with BLOCKD_PURE=1, the wheel is pure Python and as complete.
An editable installation is always pure.
"""

import os
import shutil
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HOT = (
    "access", "answers", "cache", "channels", "clients", "cookies", "counters", "detour",
    "engine", "exchange", "extended", "forward", "health", "inflight", "judge", "local", "mmsg",
    "probing", "question", "quick", "reply", "shapes", "shares", "udp", "upstreams", "verdicts",
    "wire",
)  # fmt: skip
"""The modules of `blockd.resolver` that each query passes."""

BUILD = ["mypy[mypyc]>=2.4", "setuptools>=77", "msgspec>=0.19"]
"""mypyc, and the library whose types the modules' own are derived from: mypy must see those."""


class CompileHotPath(BuildHookInterface):  # type: ignore[type-arg] # its parameter is internal
    """Adds the compiled modules beside their sources."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Return what the build needs besides hatchling."""
        return BUILD if _wanted() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and have the wheel hold the result; say so where that does not work."""
        if version == "editable" or not _wanted():
            return
        self._scratch = Path(tempfile.mkdtemp(prefix="blockd-build-"))
        try:
            built = _compile(Path(self.root), self._scratch)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, pure works
            self.app.display_warning(f"not compiled, the wheel is pure Python: {error}")
            return
        build_data["force_include"].update(
            {str(path): str(path.relative_to(self._scratch / "lib")) for path in built}
        )
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - hatchling's signature
        """Remove what was made on the way."""
        scratch = getattr(self, "_scratch", None)
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


def _wanted() -> bool:
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    header = Path(sysconfig.get_paths()["include"]) / "Python.h"
    pure = os.environ.get("BLOCKD_PURE", "") not in {"", "0"}
    return not pure and header.exists() and shutil.which(compiler) is not None


def _compile(root: Path, scratch: Path) -> list[Path]:
    """Compile the modules; return the shared objects, placed as in the package."""
    from mypyc.build import mypycify  # noqa: PLC0415 - needed where there is a compiler alone
    from setuptools import Distribution  # noqa: PLC0415 - the same

    before = Path.cwd()
    os.chdir(root)
    try:
        modules = [f"blockd/resolver/{name}.py" for name in HOT]
        # Types of the other libraries, which the build's environment lacks, are not needed.
        flags = ["--config-file=", "--ignore-missing-imports", f"--cache-dir={scratch / 'mypy'}"]
        extensions = mypycify([*flags, *modules], opt_level="3", target_dir=str(scratch / "c"))
        made = Distribution({"name": "blockd", "packages": [], "ext_modules": extensions})
        command = made.get_command_obj("build_ext")
        command.build_temp, command.build_lib = str(scratch / "o"), str(scratch / "lib")
        command.ensure_finalized()
        command.run()
    finally:
        os.chdir(before)
    return sorted((scratch / "lib").rglob("*.so"))
