"""Man pages as the programs that show them read them."""

import os
import shutil
import subprocess

import pytest


def program(name):
    """Return a program's path; without it the test is skipped, and in CI fails."""
    path = shutil.which(name)
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"needs {name}, and CI must not skip it")
        pytest.skip(f"needs {name}")
    return path


def formatted(source):
    """Return what a page looks like, without its bold, a paragraph a line.

    Whatever groff complains about fails the test.
    """
    done = subprocess.run(
        [program("groff"), "-man", "-ww", "-rLL=1000n", "-rHY=0", "-P-c", "-P-b", "-P-u",
         "-K", "utf8", "-T", "utf8"],
        check=True, capture_output=True, text=True, input=source, timeout=60,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout


def complaints(path):
    """Return what mandoc finds wrong with a page, lines that are long aside."""
    done = subprocess.run(
        [program("mandoc"), "-T", "lint", "-W", "style", str(path)],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    said = (done.stdout + done.stderr).splitlines()
    return [line for line in said if "input text line longer than 80 bytes" not in line]
