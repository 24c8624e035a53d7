"""Whose turn it is, against the plainest way to say it."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from blockd.resolver.turns import Turns

LONG, SHORT = b"\xc6\x12\1", b"\xc6\x12\2"


def went(turns, open_to=lambda _: True):
    """Have the next one go; return who that is."""
    turn = turns.next(open_to)
    return turn and turn[0]


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from([b"", LONG, SHORT, b"\x7f"])),
        st.tuples(st.just("join"), st.sampled_from([b"", LONG, SHORT, b"\x7f"])),
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
    gone = [turns.next(lambda _: True) for _ in range(4)]
    assert gone == [(0, LONG), ("other", SHORT), (1, LONG), (2, LONG)]


def test_who_may_not_go_lets_others_pass_and_keeps_its_line():
    turns = Turns()
    for number in range(3):
        turns.add(number, LONG)
    for name in ("other", "another"):
        turns.add(name, SHORT)
    assert [went(turns, SHORT.__eq__) for _ in range(3)] == ["other", "another", None]
    assert [went(turns, LONG.__eq__) for _ in range(4)] == [0, 1, 2, None]


def test_what_another_prefix_wants_too_goes_once_when_the_first_of_them_has_its_turn():
    turns = Turns()
    for number in range(1000):
        turns.add(number, LONG)
    for _ in range(2):
        turns.add(999, SHORT)
    turns.add("other", SHORT)
    assert len(turns) == 1001
    gone = [turns.next(lambda _: True) for _ in range(4)]
    assert gone == [(0, LONG), (999, SHORT), (1, LONG), ("other", SHORT)]
    assert [went(turns) for _ in range(998)] == [*range(2, 999), None]
    assert (len(turns), 999 in turns) == (0, False)


def test_who_goes_by_one_line_costs_the_other_no_turn():
    turns = Turns()
    for number in range(3):
        turns.add(number, LONG)
        turns.add(number, SHORT)
    turns.add("last", SHORT)
    assert [went(turns, LONG.__eq__) for _ in range(3)] == [0, 1, 2]
    assert turns.next(SHORT.__eq__) == ("last", SHORT)


@given(EVENTS)
def test_prefixes_take_turns_and_each_keeps_its_order(events):
    turns, waiting, ahead, lines, gone = Turns(), [], deque(), [], deque()

    def put(one, site):
        turns.add(one, site)
        line = next((line for other, line in lines if other == site), None)
        if line is None:
            lines.append((site, [one]))
        elif one not in line:
            line.append(one)

    for number, (verb, how) in enumerate(events):
        match verb:
            case "add":
                put(number, how)
                waiting.append(number)
            case "join" if waiting:
                put(waiting[number % len(waiting)], how)
            case "ahead":
                ones = [gone.popleft() for _ in range(min(how, len(gone)))]
                turns.go_ahead(ones)
                ahead = deque([*ones, *ahead])
                waiting.extend(ones)
            case "keep":
                turns.keep(lambda one, how=how: one % how == 0)
                waiting = [one for one in waiting if one % how == 0]
                ahead = deque(one for one in ahead if one in waiting)
                lines = [(site, [one for one in line if one in waiting]) for site, line in lines]
            case "next":
                expected = None
                if ahead:
                    expected = ahead.popleft(), None
                for place, (site, line) in enumerate(lines if expected is None else ()):
                    while site not in how and line and expected is None:
                        one = line.pop(0)  # whoever went by another line is passed
                        expected = (one, site) if one in waiting else None
                    if expected is not None:
                        lines = lines[place + 1 :] + lines[: place + 1]
                        break
                assert turns.next(lambda site, how=how: site not in how) == expected
                if expected is not None:
                    waiting.remove(expected[0])
                    gone.append(expected[0])
        lines = [(site, line) for site, line in lines if line]
        assert sorted(turns) == sorted(waiting)
        assert len(turns) == len(waiting)
    while turns:
        waiting.remove(went(turns))
    assert (turns.next(lambda _: True), waiting) == (None, [])
