"""What the tests of every page's sentences look at."""

import ast
import string
from pathlib import Path


def fields(text):
    """Return the fields of a sentence."""
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name)


def texts(package):
    """Return every text that stands in a package, but for its translations."""
    found = set()
    for path in Path(package.__file__).parent.rglob("*.py"):
        if path.name != "words.py":
            tree = ast.parse(path.read_text("utf-8"))
            found |= {each.value for each in ast.walk(tree) if isinstance(each, ast.Constant)}
    return found
