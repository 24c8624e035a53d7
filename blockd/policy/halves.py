"""Subtrees that two lines list, `x` and `*.x`, as in response policy zones: halves come and go.

A generation knows a subtree by the line of `x` alone. So both halves have to go together, and a
half never joins one that was there: who patches reads the source whole then.
"""

from collections.abc import Iterable

from blockd.watchlist.model import NameEntry, Scope

HALVES = frozenset({Scope.EXACT, Scope.BELOW})


class Halves:
    """The halves of subtrees that lines of one source speak of."""

    def __init__(self) -> None:
        """Know of none."""
        self._left: dict[bytes, set[Scope]] = {}

    def left(self, name: bytes, scope: Scope, line: int, whole: int) -> int:
        """Take note that a half goes; returns the line that listed it.

        Args:
            name: in wire form.
            scope: which half it is.
            line: where it stood.
            whole: the line of the subtree's entry.
        """
        self._left.setdefault(name, set()).add(scope)
        return whole if scope is Scope.EXACT else line

    def all_gone(self) -> bool:
        """Tell whether no half of what was one subtree stays."""
        return all(halves == HALVES for halves in self._left.values())

    def joined(self, names: Iterable[NameEntry]) -> list[NameEntry]:
        """Return entries of lines that came, the two halves of a name as one at the exact one's."""
        exact: dict[bytes, NameEntry] = {}
        below: dict[bytes, NameEntry] = {}
        others = []
        for entry in names:
            if entry.scope is Scope.EXACT:
                exact[entry.name] = entry
            elif entry.scope is Scope.BELOW:
                below[entry.name] = entry
            else:
                others.append(entry)
        for name in exact.keys() & below.keys():
            others.append(exact.pop(name)._replace(scope=Scope.SUBTREE))
            del below[name]
        return [*others, *exact.values(), *below.values()]
