"""Native lists as the tests write them: a head, platforms and exceptions, put together as texts."""

import json

HEAD = """\
[list]
name = "Test list"
authority = "Example Authority"
basis = "order"
reference = "Notice 7"
"""


def platform(name, *domains, **more):
    """Return a platform's table; `more` are its other keys."""
    return _table("platform", {"id": name, "domains": domains} | more)


def allow(*domains, **more):
    """Return a table of exceptions."""
    return _table("allow", {"domains": domains, "reason": "a test"} | more)


def _table(kind, keys):
    # Texts, numbers and arrays of them are written in TOML as in JSON.
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in keys.items()]
    return f"\n[[{kind}]]\n{''.join(lines)}"
