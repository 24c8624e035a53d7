"""The real minisign, on files of a test's own."""

import subprocess

from tests.resolver.certificates import require


def minisign(place, *argv, answers="", check=True):
    """Run it in a directory; `answers` are the passwords it asks for."""
    require("minisign")
    # With little memory it guards a key less: seconds less for each test, and other limits to read.
    frugally = ["sh", "-c", 'ulimit -v 100000; exec minisign "$@"', "minisign"]
    return subprocess.run(
        [*frugally, *argv], cwd=place, input=answers, check=check, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
