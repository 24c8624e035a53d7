"""The configuration file that a host begins with: every key, commented out, and explained. Pure.

What is said of a key is `config_words`'; here it is laid out. `#key = value` is a key to uncomment,
`# Text` an explanation.
"""

import re
import textwrap
import tomllib
from collections.abc import Sequence

from blockd import config, config_text
from blockd.config_text import SECTIONS, SOURCE, Key
from blockd.errors import ConfigError
from blockd.values import toml

PLACEHOLDER = "# blockd's configuration."
"""How the file of tmpfiles.d/blockd.conf begins, which holds nothing else."""

_WIDTH = 88
_HEAD = """\
blockd's configuration. Every key stands here with its default, commented out; to change one, \
remove the # before it. `systemctl reload blockd` compiles the lists by what stands here; \
`systemctl reload blockd-resolver blockd-routes` has the planes read it; after a change of an \
address to listen on, `blockd setup`. Lists go to /etc/blockd/rules.d.
"""


def example() -> str:
    """Return the text of an example configuration, which parses to the defaults."""
    parts = [*_prose(_HEAD)]
    for section, about in SECTIONS.items():
        header = f"#[[{SOURCE}]]" if section == SOURCE else f"[{section}]"
        parts += ["", *_prose(about), header]
        for key in config_text.keys(section):
            if (section, key.name) != ("list", "source"):  # the tables stand at the end
                parts += ["", *_explained(key)]
    return "\n".join(parts) + "\n"


def _explained(key: Key) -> list[str]:
    lines = _prose(key.text)
    if not key.default:
        return [*lines, f"#{key.name} = {key.example}"]
    if key.example != key.default:
        lines += [f"# Such as {key.name} = {key.example}"]
    return [*lines, f"#{key.name} = {key.default}"]


def _prose(text: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
    )


def is_placeholder(content: bytes) -> bool:
    """Tell whether a configuration is still the one line that stands for all defaults."""
    text = content.decode("utf-8", "replace")
    return text.startswith(PLACEHOLDER) and not text.strip().partition("\n")[1]


def upstreams_of(text: str) -> list[str]:
    """Return the upstreams that a configuration names, as it writes them."""
    return list(tomllib.loads(text).get("resolver", {}).get("upstreams", ()))


def with_upstreams(text: str, upstreams: Sequence[str], origin: str) -> str:
    """Return a configuration that names upstreams, and says for the rest what it said.

    Args:
        text: the file's content, in which [resolver] has no `upstreams`.
        upstreams: addresses.
        origin: the file's name, for messages.

    Raises:
        ConfigError: the text has a form that cannot be added to.
    """
    line = f"upstreams = {toml(upstreams)}"
    wanted = tomllib.loads(text)
    wanted.setdefault("resolver", {})["upstreams"] = list(upstreams)
    for changed in _placements(text, line):
        try:
            if tomllib.loads(changed) == wanted:
                config.parse(changed, origin)
                return changed
        except tomllib.TOMLDecodeError:
            continue
    raise ConfigError(f"{origin}: write `{line}` into [resolver], and run `blockd setup` again")


def _placements(text: str, line: str) -> list[str]:
    """Return where the line may go, the best first; what is wrong with one, its parsing shows."""
    found = [
        text[: match.end()] + f"\n{line}" + text[match.end() :]
        for pattern in (r"^#upstreams = .*$", r"^\s*\[\s*resolver\s*\][^\n]*$")
        for match in re.finditer(pattern, text, re.MULTILINE)
    ]
    return [*found, f"{text.rstrip()}\n\n[resolver]\n{line}\n".lstrip()]
