"""Queries, answers and those who wait for them, as tests compare and serve them."""

import time
import types

from blockd.resolver.wire import Query

_ATTRIBUTES = (types.MemberDescriptorType, types.GetSetDescriptorType)
"""What an attribute is in its class: the former of a slot, the latter where that is compiled."""


def fields(record, **instead):
    """Return the attributes by name, those of a query within as well; `instead` replaces some."""
    kind = type(record)
    found = {
        name: getattr(record, name)
        for name in dir(kind)
        if name[0] != "_" and isinstance(getattr(kind, name), _ATTRIBUTES)
    }
    assert found.keys() >= instead.keys()
    assert found
    shown = {
        name: fields(value) if isinstance(value, Query) else value for name, value in found.items()
    }
    return shown | instead


def state(thing):
    """Return everything that an object holds, by name, what is its own business as well."""
    if hasattr(thing, "__dict__"):
        return vars(thing)
    kind = type(thing)
    names = [name for name in dir(kind) if isinstance(getattr(kind, name), _ATTRIBUTES)]
    assert names
    return {name: getattr(thing, name) for name in names}


def ttls(answer):
    """Return the TTLs of an answer's records in seconds, read where they stand."""
    return [int.from_bytes(answer.body[at : at + 4], "big") for at in answer.ttls_at]


def give(waiter, answer):
    """Let somebody have the answer that it waits for, now."""
    waiter.done(waiter, answer, time.monotonic())
