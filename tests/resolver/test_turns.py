"""Whose turn it is, against the plainest way to say it."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from blockd.resolver.turns import Turns

LONG, SHORT = b"\xc6\x12\1", b"\xc6\x12\2"

EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from([b"", LONG, SHORT, b"\x7f"])),
        st.tuples(st.just("ahead"), st.integers(0, 3)),
        st.tuples(st.just("keep"), st.integers(1, 4)),
        st.tuples(st.just("next"), st.sets(st.sampled_from([b"", LONG, SHORT, b"\x7f"]))),
    ),
    max_size=60,
)


def test_who_comes_last_waits_for_one_of_each_prefix_and_not_for_its_whole_line():
    turns = Turns()
    for number in range(1000):
        turns.add(number, LONG)
    turns.add("other", SHORT)
    assert [turns.next(lambda _: True) for _ in range(4)] == [0, "other", 1, 2]


def test_who_may_not_go_lets_others_pass_and_keeps_its_line():
    turns = Turns()
    for number in range(3):
        turns.add(number, LONG)
    for _ in range(2):
        turns.add("other", SHORT)
    assert [turns.next(SHORT.__eq__) for _ in range(3)] == ["other", "other", None]
    assert [turns.next(LONG.__eq__) for _ in range(4)] == [0, 1, 2, None]


@given(EVENTS)
def test_prefixes_take_turns_and_each_keeps_its_order(events):
    turns, ahead, lines = Turns(), deque(), []
    for number, (verb, how) in enumerate(events):
        match verb:
            case "add":
                turns.add(number, how)
                line = next((line for site, line in lines if site == how), None)
                if line is None:
                    lines.append((how, [number]))
                else:
                    line.append(number)
            case "ahead":
                ones = [(number, place) for place in range(how)]
                turns.go_ahead(ones)
                ahead = deque([*ones, *ahead])
            case "keep":
                turns.keep(lambda one, how=how: hash(one) % how == 0)
                ahead = deque(one for one in ahead if hash(one) % how == 0)
                lines = [(site, [one for one in line if one % how == 0]) for site, line in lines]
            case "next" if ahead:
                assert turns.next(lambda _: False) == ahead.popleft()
            case "next":
                first = next((n for n, (site, _) in enumerate(lines) if site not in how), None)
                if first is not None:
                    lines = lines[first + 1 :] + lines[: first + 1]
                expected = lines[-1][1].pop(0) if first is not None else None
                assert turns.next(lambda site, how=how: site not in how) == expected
        lines = [(site, line) for site, line in lines if line]
        assert list(turns) == [*ahead, *(one for _, line in lines for one in line)]
        assert len(turns) == len(list(turns))
    while turns:
        assert turns.next(lambda _: True) is not None
    assert (turns.next(lambda _: True), list(turns)) == (None, [])
