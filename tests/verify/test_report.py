"""What is counted and kept of a verification, and what is read back."""

from datetime import UTC, datetime

from blockd.verify import report as reports
from blockd.verify.expected import RIGHT, Found, Outcome
from blockd.verify.report import SHOWN, Count, Report


def empty():
    return Report(
        generation=1, server="127.0.0.1:53", place="gateway", started=datetime.now(UTC)
    )  # fmt: skip


def test_everything_is_counted_and_only_the_first_failures_are_kept():
    found = empty()
    for number in range(3 * SHOWN):
        found.add("names", f"right-{number}", RIGHT)
        found.add("names", f"wrong-{number}", Outcome(Found.WRONG, "no answer"))
    found.add("exceptions", "x", Outcome(Found.UNCLEAR, "SERVFAIL"))
    assert found.checked == {
        "names": Count(right=3 * SHOWN, wrong=3 * SHOWN),
        "exceptions": Count(unclear=1),
    }
    assert (found.right, found.wrong) == (3 * SHOWN, 3 * SHOWN)
    assert found.failures == [("names", f"wrong-{n}", "no answer") for n in range(SHOWN)]
    assert found.unclear == [("exceptions", "x", "SERVFAIL")]


def test_two_reports_share_nothing():
    empty().add("names", "x", Outcome(Found.WRONG))
    assert empty().checked == {}
    assert empty().failures == []


def test_what_was_left_is_read_back_and_what_is_damaged_is_none(tmp_path):
    path = tmp_path / "verify.json"
    assert reports.read(path) is None
    found = empty()
    found.add("names", "x", Outcome(Found.WRONG, "no answer"))
    found.not_checked["packets"] = "no root"
    reports.write(found, path)
    assert reports.read(path) == found
    path.write_bytes(path.read_bytes()[:40])
    assert reports.read(path) is None
