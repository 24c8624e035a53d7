"""A terminal as far as `status --watch` uses one: what is written comes out as a screen."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

SEQUENCE = re.compile(r"\x1b\[(\?)?([0-9;]*)([A-Za-z])")


class Display:
    """What a terminal shows: lines, which characters are marked, and its modes."""

    def __init__(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.screens = {False: self.empty(), True: self.empty()}
        self.place = {False: (0, 0), True: (0, 0)}
        self.modes = {25: True, 7: True}
        self.other = self.negative = False
        self.rest = ""

    def empty(self):
        return [[(" ", False)] * self.columns for _ in range(self.rows)]

    def feed(self, text):
        text, self.rest = self.rest + text, ""
        while text:
            match = SEQUENCE.match(text)
            if match:
                self.obey(*match.groups())
                text = text[match.end() :]
            elif text[0] == "\x1b":
                assert len(text) < 16, f"an unknown sequence: {text[:16]!r}"
                self.rest, text = text, ""
            else:
                self.put(text[0])
                text = text[1:]

    def obey(self, private, numbers, letter):
        row, column = self.place[self.other]
        screen = self.screens[self.other]
        if private:
            if numbers == "1049":
                self.other = letter == "h"
                self.screens[True] = self.empty()
            else:
                self.modes[int(numbers)] = letter == "h"
        elif letter == "H":
            self.place[self.other] = (0, 0)
        elif letter in "KJ":
            screen[row][column:] = [(" ", False)] * (self.columns - column)
            if letter == "J":
                screen[row + 1 :] = self.empty()[row + 1 :]
        elif letter == "m":
            self.negative = numbers == "7"
        else:
            raise AssertionError(f"an unknown sequence ends in {letter}")

    def put(self, character):
        row, column = self.place[self.other]
        if character == "\r":
            column = 0
        elif character == "\a":
            return
        elif character == "\n":
            if row == self.rows - 1:
                assert not self.other, "what is redrawn in place must not scroll"
                self.screens[False] = [*self.screens[False][1:], self.empty()[0]]
            else:
                row += 1
        else:
            if column == self.columns:
                assert self.modes[7], "a line is longer than the terminal is wide"
                self.place[self.other] = (row, 0)
                self.put("\n")
                row, column = self.place[self.other]
            self.screens[self.other][row][column] = (character, self.negative)
            column += 1
        self.place[self.other] = (row, column)

    def lines(self):
        return ["".join(c for c, _ in row).rstrip() for row in self.screens[self.other]]

    def marked(self):
        return [
            word
            for row in self.screens[self.other]
            for word in "".join(c if negative else " " for c, negative in row).split()
        ]


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, argv, columns=100, rows=40):
        self.display = Display(columns, rows)
        self.primary, secondary = pty.openpty()
        self.resize(columns, rows)
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *argv], stdin=secondary, stdout=secondary, stderr=secondary
        )
        os.close(secondary)

    def resize(self, columns, rows):
        """Change the window's size; the kernel tells the program."""
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self.primary, termios.TIOCSWINSZ, size)
        if (columns, rows) != (self.display.columns, self.display.rows):
            self.display = Display(columns, rows)
            self.display.other = True

    def type(self, text):
        os.write(self.primary, text.encode())

    def until(self, condition, within=20.0):
        """Return the display as soon as it is as awaited."""
        deadline = time.monotonic() + within
        while not condition(self.display):
            assert time.monotonic() < deadline, "\n".join(self.display.lines())
            if select.select([self.primary], [], [], 0.05)[0]:
                try:
                    self.display.feed(os.read(self.primary, 65536).decode())
                except OSError:  # EIO: nobody has the other end any more
                    assert condition(self.display), "\n".join(self.display.lines())
        return self.display

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.primary)
