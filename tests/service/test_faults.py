"""Faults of blockd's own: where they come from is logged, and nothing that they hold."""

import asyncio

import pytest

from blockd.service import faults

ASKED = "private.example"


def fails(_loop):
    raise KeyError(ASKED)


def told(loop):
    context = {"message": "no accept", "exception": OSError(24, "Too many files", ASKED)}
    loop.call_exception_handler(context)


def odd(loop):
    loop.call_exception_handler({"message": "odd", "transport": ASKED})


@pytest.mark.parametrize(
    ("callback", "said"),
    [(fails, "KeyError, which is a fault of blockd's"), (fails, "in fails"),
     (told, "no accept: Too many files"), (odd, "odd: no reason")],
)  # fmt: skip
def test_what_a_loop_reports_is_logged_without_what_it_holds(callback, said, caplog):
    async def run():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(faults.without_texts)
        loop.call_soon(callback, loop)
        await asyncio.sleep(0)

    asyncio.run(run())
    assert said in caplog.text
    assert ASKED not in caplog.text


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("", "KeyError, which"),
        ("/search could not be shown", "/search could not be shown: KeyError,"),
    ],
)
def test_a_fault_is_named_by_its_kind_and_what_came_of_it(what, said, caplog):
    try:
        fails(None)
    except KeyError as error:
        faults.say(error, what)
    (record,) = caplog.records
    assert record.getMessage().startswith(said)
    assert ASKED not in caplog.text
