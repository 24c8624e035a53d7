"""The types of questions in flight: what each begins with."""

from blockd.resolver import wire
from blockd.resolver.inflight import Exchange, Waiter
from tests.resolver.messages import query


def test_an_exchange_begins_unasked_and_as_the_client_wrote_it():
    asked = wire.parse_query(query("wWw.eXample"))
    waiter = Waiter(asked, lambda _waiter, _answer, _now: None)
    exchange = Exchange(asked, [waiter], 7.0)
    assert exchange.question == asked.question
    assert (exchange.started, exchange.sent_at, exchange.tries) == (7.0, 7.0, 0)
    bits = (exchange.asked, exchange.failed, exchange.plain, exchange.outstanding)
    assert bits == (0, 0, 0, 0)
    assert (exchange.over, exchange.hasty, waiter.hasty) == (False, False, False)
