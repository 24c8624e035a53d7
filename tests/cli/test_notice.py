"""`blockd notice` on the command line; what it answers is tested in tests/notice."""

from tests.cli.program import run


def test_an_operator_that_nobody_could_turn_to_is_refused(gateway):
    gateway.configure('\n[notice]\noperator = "ask us"\n')
    done = gateway.run("notice")
    assert done.status == 2
    assert "notice.operator: 'ask us' is no URI" in done.err


def test_its_help_says_for_which_names_and_that_https_is_not_answered():
    text = " ".join(run("notice", "--help").out.split())
    assert 'action = "address"' in text
    assert "HTTPS is not answered" in text
