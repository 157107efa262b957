"""On which line of a TOML file does a key stand?

`tomllib` gives values and forgets where they were. This scanner gives places and ignores values; it trusts that
`tomllib` has accepted the text. It is run only when there is a fault to report.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from typing import TypeAlias

__all__ = ["KEY_PART", "STRING", "KeyPath", "key_lines", "key_names", "line_of"]

KeyPath: TypeAlias = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
# The parts of a key, and a string of any kind.
KEY_PART = re.compile(r"""[ \t]*(?P<part>[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')[ \t]*""")
STRING = re.compile(
    r'''"""(?:[^\\]|\\.)*?"{3,5}(?!")|\'\'\'.*?'{3,5}(?!')|"(?:[^"\\\n]|\\.)*"|'[^'\n]*\'''',
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]*")


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line of every key, table and array element of a valid TOML text, counted from 1.

    A path is made of names and, for arrays and arrays of tables, indices: `("engine", 0, "peak", 1, "rate", "unit")`.
    """
    return _Scanner(text).scan()


def line_of(path: KeyPath, lines: dict[KeyPath, int]) -> int:
    """The line of a path, or else of the nearest table around it that the file has; 1 for the file itself."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return 1


def key_names(words: Iterable[str]) -> tuple[str, ...]:
    """What the parts of a key mean: quotes taken off, escapes resolved."""
    return tuple(str(tomllib.loads(f"key = {word}")["key"]) if word[0] in "\"'" else word for word in words)


class _Scanner:
    """A cursor over the text that notes the line of each key it passes."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.counted = 0  # the text up to here is in `line`
        self.lines: dict[KeyPath, int] = {}
        self.sizes: dict[KeyPath, int] = {}  # elements so far of each array of tables

    def scan(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        self._skip(_BLANK)
        while self.at < len(self.text):
            if self.text.startswith("[", self.at):
                table = self._header()
            else:
                self._member(table)
            self._skip(_BLANK)
        return self.lines

    def _header(self) -> KeyPath:
        """`[a.b]` or `[[a.b]]`: the path of the table that it opens."""
        here = self._line()
        is_element = self.text.startswith("[[", self.at)
        self.at += 2 if is_element else 1
        names = self._key()
        self.at += 2 if is_element else 1
        path = self._inside((), names[:-1])
        if is_element:
            array = (*path, names[-1])
            self.lines.setdefault(array, here)
            index = self.sizes.get(array, 0)
            self.sizes[array] = index + 1
            path = (*array, index)
        else:
            path = self._inside(path, names[-1:])
        self.lines[path] = here
        return path

    def _inside(self, path: KeyPath, names: tuple[str, ...]) -> KeyPath:
        """The path below `path`; a name that is an array of tables means its latest element."""
        for name in names:
            path = (*path, name)
            if path in self.sizes:
                path = (*path, self.sizes[path] - 1)
        return path

    def _member(self, table: KeyPath) -> None:
        """`key = value`, dotted keys included."""
        here = self._line()
        path = table
        for name in self._key():
            path = (*path, name)
            self.lines.setdefault(path, here)
        self.at += 1  # the equals sign
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        self._skip(_BLANK)
        if self.text.startswith("{", self.at):
            self.at += 1
            while not self._closes("}"):
                self._member(path)
        elif self.text.startswith("[", self.at):
            self.at += 1
            index = 0
            while not self._closes("]"):
                self.lines[(*path, index)] = self._line()
                self._value((*path, index))
                index += 1
        elif match := STRING.match(self.text, self.at):
            self.at = match.end()
        else:
            self._skip(_SCALAR)

    def _closes(self, bracket: str) -> bool:
        """Goes to the next member, or past the end of the array or inline table."""
        self._skip(_BLANK)
        if self.text.startswith(",", self.at):
            self.at += 1
            self._skip(_BLANK)
        if self.text.startswith(bracket, self.at):
            self.at += 1
            return True
        return self.at >= len(self.text)

    def _key(self) -> tuple[str, ...]:
        words = []
        while match := KEY_PART.match(self.text, self.at):
            words.append(match["part"])
            self.at = match.end()
            if not self.text.startswith(".", self.at):
                break
            self.at += 1
        return key_names(words)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        if match := pattern.match(self.text, self.at):
            self.at = match.end()

    def _line(self) -> int:
        self.line += self.text.count("\n", self.counted, self.at)
        self.counted = self.at
        return self.line
