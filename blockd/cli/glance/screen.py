"""A terminal that shows the same thing again and again, and is left as it was found.

Signals are not handled but waited for: nothing is interrupted in the middle of a look.
"""

import os
import signal
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from blockd.cli.glance.frame import frame

_ENDS = frozenset({signal.SIGINT, signal.SIGTERM})
_AWAITED = _ENDS | {signal.SIGWINCH, signal.SIGTSTP}

# Private modes of xterm and of all that came after it: 1049 the alternate screen with the cursor
# kept, 25 the cursor, 7 lines that go on in the next row.
_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l"
_LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"
_HOME, _REST_OF_LINE, _REST = "\x1b[H", "\x1b[K", "\x1b[J"  # ECMA-48: CUP, EL, ED


class Pause:
    """Waits between two looks; while it is in use, Ctrl-C and SIGTERM end the next wait."""

    def __enter__(self) -> Self:
        """Hold the signals back."""
        self._before = signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let signals through again, but for what has ended the wait."""
        while signal.sigtimedwait(_ENDS, 0) is not None:
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)

    def wait(self, seconds: float, screen: "Screen | None") -> bool:
        """Return after so many seconds, or with False at once when it is to end.

        Args:
            seconds: how long.
            screen: is drawn again when the window's size changes, and left while the job is
                stopped (Ctrl-Z).
        """
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            came = signal.sigtimedwait(_AWAITED, left)
            if came is None:
                break
            if came.si_signo in _ENDS:
                return False
            if came.si_signo == signal.SIGTSTP:
                if screen is not None:
                    screen.leave()
                os.kill(os.getpid(), signal.SIGSTOP)
                if screen is not None:
                    screen.enter()
            if screen is not None:
                screen.draw()
        return True


class Screen:
    """The terminal on standard output, taken over until the end."""

    def __init__(self) -> None:
        """Take nothing over yet."""
        self._lines: Sequence[str] = ()
        self._before: Sequence[str] | None = None

    def __enter__(self) -> Self:
        """Take the terminal over."""
        self.enter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give it back."""
        self.leave()

    def enter(self) -> None:
        """Show the other screen; what stood on this one comes back at the end."""
        self._write(_ENTER)

    def leave(self) -> None:
        """Show what stood there before."""
        self._write(_LEAVE)

    def show(self, lines: Sequence[str]) -> None:
        """Show other lines, marked where they differ from the last ones."""
        self._before, self._lines = (self._lines or None), lines
        self.draw()

    def draw(self) -> None:
        """Draw as much as the window holds right now."""
        # Not by $COLUMNS, which says how wide the window was when a shell set it.
        columns, rows = os.get_terminal_size(sys.stdout.fileno())
        shown = frame(self._lines, self._before, columns or 80, rows or 24)
        drawn = "\r\n".join(f"{line}{_REST_OF_LINE}" for line in shown)
        self._write(f"{_HOME}{drawn}{_REST}")

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
