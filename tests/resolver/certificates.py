"""An authority and certificates of its own, made by `openssl` when a test needs them."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

NAME = "dns.example"
"""Whom the certificate of the tests' servers is for."""

_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def require(program):
    """Skip the calling test where a program is missing; in CI that is an error."""
    if shutil.which(program) is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"needs {program}, and CI must not skip it", pytrace=False)
        pytest.skip(f"needs {program}")


@dataclass(frozen=True)
class Leaf:
    """A server's certificate and key, as paths."""

    certificate: str
    key: str


class Authority:
    """Signs certificates in a directory of its own; `file` is what its clients trust."""

    def __init__(self, directory: Path):
        require("openssl")
        self._directory = directory
        directory.mkdir(exist_ok=True)
        self.file = str(directory / "ca.pem")
        self._openssl(
            "req", "-x509", *_KEY, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
            "-subj", "/CN=Test authority", "-addext", "keyUsage=critical,keyCertSign",
        )  # fmt: skip

    def sign(self, name, *, file="leaf"):
        """Make a certificate for a name."""
        self._openssl(
            "req", *_KEY, "-keyout", f"{file}.key", "-out", f"{file}.csr", "-subj", f"/CN={name}",
        )  # fmt: skip
        (self._directory / f"{file}.ext").write_text(f"subjectAltName=DNS:{name}\n")
        self._openssl(
            "x509", "-req", "-in", f"{file}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-days", "2", "-out", f"{file}.pem", "-extfile", f"{file}.ext",
        )  # fmt: skip
        return Leaf(str(self._directory / f"{file}.pem"), str(self._directory / f"{file}.key"))

    def lock(self, leaf):
        """Return a copy of a leaf's key that is protected by a password."""
        locked = f"{leaf.key}.locked"
        self._openssl("pkey", "-in", leaf.key, "-aes256", "-passout", "pass:x", "-out", locked)
        return locked

    def _openssl(self, *arguments):
        subprocess.run(
            ["openssl", *arguments], cwd=self._directory, check=True, capture_output=True
        )
