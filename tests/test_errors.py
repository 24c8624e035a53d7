"""Errors: whose fault, which exit status, and a sentence in any case."""

import inspect

import pytest

from blockd import errors
from blockd.errors import BlockdError, GuardError, ListError, NameFormError, PrefixFormError

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if kind.__module__ == errors.__name__
]

STATUS = {
    "ListError": 1,
    "FetchError": 1,
    "GuardError": 3,
    "ChangeError": 3,
    "UnreachableError": 4,
    "AbsentError": 4,
    "KernelError": 4,
}
"""Exit statuses of the command line; all others are usage or configuration: 2."""


@pytest.mark.parametrize("kind", KINDS)
def test_each_error_has_its_exit_status(kind):
    assert issubclass(kind, BlockdError)
    assert kind.exit_status == STATUS.get(kind.__name__, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_each_error_says_its_docstring_unless_it_is_told_more(kind):
    assert str(kind()) == kind.__doc__.splitlines()[0]
    assert str(kind("a sentence")) == "a sentence"


@pytest.mark.parametrize("kind", [ListError, GuardError])
def test_a_refusal_carries_its_issues(kind):
    assert kind("a sentence", ["first", "second"]).issues == ("first", "second")
    assert kind().issues == ()


@pytest.mark.parametrize("kind", [NameFormError, PrefixFormError])
def test_a_text_of_wrong_form_is_a_value_error_too(kind):
    assert issubclass(kind, ValueError)
