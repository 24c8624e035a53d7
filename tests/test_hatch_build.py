"""What the wheel compiles: modules that exist, and that nothing pure is derived from."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def compiled():
    tree = ast.parse((ROOT / "hatch_build.py").read_text())
    (value,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "HOT"
    )
    return ast.literal_eval(value)


def test_the_compiled_modules_are_there():
    for name in compiled():
        assert (ROOT / "blockd" / "resolver" / f"{name}.py").is_file()


@pytest.mark.parametrize(
    "path", sorted((ROOT / "blockd").rglob("*.py")), ids=lambda path: path.stem
)
def test_no_class_that_stays_pure_is_derived_from_one_that_is_compiled(path):
    # mypyc refuses it at run time: "interpreted classes cannot inherit from compiled".
    hot = compiled()
    if path.parent.name == "resolver" and path.stem in hot:
        return
    tree = ast.parse(path.read_text())
    taken = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").removeprefix("blockd.resolver.") in hot
        for alias in node.names
    }
    bases = {
        ast.unparse(base)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for base in node.bases
    }
    assert not taken & bases
