"""How does a target file look in canonical order and spacing, its comments kept?

Keys stand in the order of the schema, tables after them, one blank line between tables, none inside. Values stay as
they were written; only blanks in them and the order of keys in inline tables change, and long arrays are broken into
lines. Comments above a key or a header
move with it, those behind a value stay behind it, others stay at the end of their table, and a first block with a
blank line after it stays at the top. Arrays of tables keep their order, since it means something.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from onnxroof.targets.faults import table_at
from onnxroof.targets.toml_lines import KEY_PART, STRING, KeyPath, key_names

__all__ = ["format_text"]

_GAP = re.compile(r"[ \t\n]*")
_BLANKS = re.compile(r"[ \t]*")
_COMMENT = re.compile(r"#[^\n]*")
_SCALAR = re.compile(r"[^,\]}#\n]*")
_WIDTH = 120
_BEHIND = 10**6  # rank of what the schema does not order: after what it does, as it was found


@dataclass(slots=True)
class _Item:
    """`key = value`, formatted, with its comments."""

    path: KeyPath
    text: str
    above: list[str]
    behind: str = ""


@dataclass(slots=True)
class _Section:
    """A table: its header, "" at the top, and what stands in it."""

    path: KeyPath
    header: str
    above: list[str]
    items: list[_Item] = field(default_factory=list)
    below: list[str] = field(default_factory=list)


def format_text(text: str) -> str:
    """A target file in canonical order and spacing.

    Args:
        text: TOML of a target without faults.
    """
    parser = _Parser(text.removeprefix("\ufeff").replace("\r\n", "\n"))
    parser.parse()
    blocks = ["\n".join(parser.head)] if parser.head else []
    ranks: dict[KeyPath, tuple[int, ...]] = {}
    for section in sorted(parser.sections, key=lambda section: _rank(section.path, ranks)):
        items = sorted(section.items, key=lambda item: _rank(item.path, ranks))
        lines = [*section.above, *([section.header] if section.header else [])]
        for item in items:
            lines += [*item.above, item.text + (f"  {item.behind}" if item.behind else "")]
        lines += section.below
        if lines:
            blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _rank(path: KeyPath, seen: dict[KeyPath, tuple[int, ...]]) -> tuple[int, ...]:
    """Where a path stands in canonical order: by the schema, else in the order in which paths were asked for."""
    rank: tuple[int, ...] = ()
    for length in range(1, len(path) + 1):
        part, known = path[:length], seen.get(path[:length])
        if known is None:
            name = part[-1]
            if isinstance(name, int):
                number = name
            else:
                table = table_at(part[:-1])
                order = [] if table is None else [f.alias or key for key, f in table.model_fields.items()]
                number = order.index(name) if name in order else _BEHIND + len(seen)
            known = seen[part] = (*rank, number)
        rank = known
    return rank


def _lines(values: list[str]) -> str:
    """The values of an array in as few indented lines as they take."""
    lines: list[str] = []
    for value in values:
        if lines and len(lines[-1]) + len(value) + 2 <= _WIDTH:
            lines[-1] += f" {value},"
        else:
            lines.append(f"    {value},")
    return "\n".join(lines)


class _Parser:
    """A cursor over a valid TOML text that takes it apart into sections and items."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.head: list[str] = []
        self.sections = [_Section((), "", [])]
        self.sizes: dict[KeyPath, int] = {}
        self.values: list[str] = []  # of the array that was read last

    def parse(self) -> None:
        """Reads all of the text."""
        while True:
            blocks = list(self._comments())
            section = self.sections[-1]
            is_first = section.path == () and not section.items and not self.head
            if is_first and len(blocks) > 1 and blocks[0]:
                self.head = blocks.pop(0)
            if self.at >= len(self.text):
                section.below += [line for block in blocks for line in block]
                return
            if self.text.startswith("[", self.at):
                section.below += [line for block in blocks[:-1] for line in block]
                self.sections.append(self._header(blocks[-1]))
            else:
                section.items.append(self._item(section.path, [line for block in blocks for line in block]))

    def _comments(self) -> Iterator[list[str]]:
        """Blocks of comments up to the next statement, one after each blank line; the last one touches it."""
        block: list[str] = []
        while True:
            is_start = self.at == 0  # everywhere else the first line end is that of the line before
            if self._take(_GAP).count("\n") > (0 if is_start else 1):
                yield block
                block = []
            if not self.text.startswith("#", self.at):
                yield block
                return
            block.append(self._take(_COMMENT).rstrip())

    def _header(self, above: list[str]) -> _Section:
        is_element = self.text.startswith("[[", self.at)
        self.at += 2 if is_element else 1
        names, words = self._key()
        self.at += 2 if is_element else 1
        path = self._inside((), names[:-1])
        if is_element:
            array = (*path, names[-1])
            index = self.sizes.get(array, 0)
            self.sizes[array] = index + 1
            path = (*array, index)
        else:
            path = self._inside(path, names[-1:])
        section = _Section(path, f"[[{words}]]" if is_element else f"[{words}]", above)
        if behind := self._behind():
            section.header += f"  {behind}"
        return section

    def _inside(self, path: KeyPath, names: tuple[str, ...]) -> KeyPath:
        for name in names:
            path = (*path, name)
            if path in self.sizes:
                path = (*path, self.sizes[path] - 1)
        return path

    def _item(self, table: KeyPath, above: list[str]) -> _Item:
        path, text = self._member(table)
        if len(text) > _WIDTH and text.endswith("]") and "\n" not in text:
            text = f"{text[: text.index('[')]}[\n{_lines(self.values)}\n]"
        return _Item(path, text, above, self._behind())

    def _member(self, table: KeyPath) -> tuple[KeyPath, str]:
        names, words = self._key()
        self.at += 1  # the equals sign
        path = (*table, *names)
        return path, f"{words} = {self._value(path)}"

    def _behind(self) -> str:
        self._take(_BLANKS)
        return self._take(_COMMENT).rstrip()

    def _value(self, path: KeyPath) -> str:
        self._take(_GAP)
        begin = self.at
        if self.text.startswith("{", begin):
            members = []
            self.at += 1
            while not self._closes("}"):
                members.append(self._member(path))
            ranks: dict[KeyPath, tuple[int, ...]] = {}
            members.sort(key=lambda member: _rank(member[0], ranks))
            return f"{{ {', '.join(text for _, text in members)} }}" if members else "{}"
        if self.text.startswith("[", begin):
            values: list[str] = []
            self.at += 1
            while not self._closes("]"):
                values.append(self._value((*path, len(values))))
            raw = self.text[begin : self.at]
            self.values = values
            return raw if self._has_comment(raw) else f"[{', '.join(values)}]"
        if match := STRING.match(self.text, begin):
            self.at = match.end()
            return match[0]
        return self._take(_SCALAR).strip()

    @staticmethod
    def _has_comment(raw: str) -> bool:
        return "#" in STRING.sub("", raw)

    def _closes(self, bracket: str) -> bool:
        """Goes to the next member, or past the end of the array or inline table."""
        self._skip_inside()
        if self.text.startswith(",", self.at):
            self.at += 1
            self._skip_inside()
        if self.text.startswith(bracket, self.at):
            self.at += 1
            return True
        return False

    def _skip_inside(self) -> None:
        """Blanks, line ends and comments between the members of an array."""
        while self._take(_GAP) or self._take(_COMMENT):
            pass

    def _key(self) -> tuple[tuple[str, ...], str]:
        """The names of a key, and the key without blanks."""
        words = []
        while match := KEY_PART.match(self.text, self.at):
            words.append(match["part"])
            self.at = match.end()
            if not self.text.startswith(".", self.at):
                break
            self.at += 1
        return key_names(words), ".".join(words)

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            return ""
        self.at = match.end()
        return match[0]
