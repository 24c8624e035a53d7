"""The README's commands, for the tests that run them: each stands below a marker with its name."""

import re

from tests import topology

README = topology.repository() / "README.md"


def command(name: str) -> str:
    """Return the lines of the block below `<!-- NAME -->`."""
    pattern = rf"^<!-- {re.escape(name)} -->\n```sh\n(.*?)^```$"
    (found,) = re.findall(pattern, README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return found
