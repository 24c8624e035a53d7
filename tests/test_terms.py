"""The words that lists, configuration and both planes share: a contract with operators."""

import pytest

from blockd.terms import Action, Basis, Denied, ListFormat, Override, RouteType, Strategy

WORDS = {
    Action: "nxdomain nodata zero refused drop tcp-only address records",
    Basis: "order policy request",
    Strategy: "fastest ordered parallel",
    Denied: "refuse drop",
    Override: "given nxdomain nodata drop tcp-only passthru disabled cname",
    ListFormat: "native domains hosts adblock dnsmasq unbound rpz csv addresses",
    RouteType: "blackhole unreachable prohibit",
}


@pytest.mark.parametrize("kind", WORDS)
def test_the_words_are_those_of_the_documents_and_are_their_own_text(kind):
    assert [str(word) for word in kind] == WORDS[kind].split()
    assert all(kind(str(word)) is word for word in kind)
