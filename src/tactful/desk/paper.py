"""Papers that the desk writes: notices, letters, records. Said once, written as Markdown or as a page of HTML.

A page is one file without scripts or anything from elsewhere, for a screen or for print. What only the business knows
and has not said stands there as a marked blank, so that nothing is sent by mistake as if it were known.
"""

from __future__ import annotations

import html
import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tactful.assurance import card_markdown
from tactful.errors import UsageError

NOT_STATED = "not stated"
_BLANK = "To be filled in: "
_SHORT = re.compile(r"[\d,.:e-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """A list of points."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table: its header and its rows, all of one length."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Part = str | Points | Grid


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A title, and what stands under it."""

    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A whole paper.

    Attributes
    ----------
    title : str
    lead : tuple of str
        Paragraphs before the first section.
    sections : tuple of Section
    """

    title: str
    lead: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()

    @property
    def blanks(self) -> int:
        """How many places only the business can fill in."""
        return sum(text.startswith(_BLANK) for text in _texts(self))

    def markdown(self) -> str:
        """The paper as Markdown; nothing in it is taken for markup."""
        parts = [f"# {card_markdown.plain(self.title)}", *(_marked(line) for line in self.lead)]
        for section in self.sections:
            parts += [f"## {card_markdown.plain(section.title)}", *map(_markdown, section.parts)]
        return "\n\n".join(parts) + "\n"

    def html(self) -> str:
        """The paper as one page of HTML."""
        lead = "".join(f"<p class=lead>{_inline(line)}</p>\n" for line in self.lead)
        body = "".join(
            f"<section>\n<h2>{html.escape(section.title)}</h2>\n{''.join(map(_html, section.parts))}</section>\n"
            for section in self.sections
        )
        title = html.escape(self.title)
        start = f"{_HEAD}<title>{title}</title>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
        return f"{start}{lead}{body}</main>\n</body>\n</html>\n"

    def write(self, path: Path, *, private: bool = False) -> None:
        """The paper is in a file, replaced whole: Markdown for ``.md``, a page for ``.html``.

        Parameters
        ----------
        path : Path
        private : bool, default=False
            Whether only its owner may read it.

        Raises
        ------
        UsageError
            If the suffix is another, or the file cannot be written.
        """
        write_text(path, self.html() if checked_suffix(path) == ".html" else self.markdown(), private=private)


def checked_suffix(path: Path) -> str:
    """The suffix of a file for a paper.

    Raises
    ------
    UsageError
        If it is neither ``.md`` nor ``.html``.
    """
    if path.suffix not in (".md", ".html"):
        raise UsageError("a paper is .html or .md", given=str(path), do="Give the file another suffix")
    return path.suffix


def write_text(path: Path, text: str, *, private: bool) -> None:
    """The text is in the file, whole or not at all.

    Raises
    ------
    UsageError
        If it cannot be written.
    """
    try:
        descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), 0o600 if private else 0o644)
        Path(draft).replace(path)
    except OSError as error:
        raise UsageError("the file must be writable", given=f"{path}: {error.strerror}", do="Give another") from None


def stated(text: str, what: str) -> str:
    """The text, if the business stated it; else a marked blank that says what belongs there."""
    return blank(what) if text in ("", NOT_STATED) else text


def sentence(text: str) -> str:
    """Text that somebody gave, on one line, with one full stop at its end whether they gave one or not."""
    line = " ".join(text.split())
    return line if line.endswith((".", "!", "?")) else f"{line}."


def blank(what: str) -> str:
    """A marked place that only the business can fill in."""
    return f"{_BLANK}{what}"


def points(items: Iterable[str], *, none: str = "none") -> Points:
    """A list of points, which says so if there is none."""
    return Points(items=tuple(items) or (none,))


def grid(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Grid:
    """A table."""
    return Grid(header=tuple(header), rows=tuple(tuple(row) for row in rows))


def _texts(paper: Paper) -> list[str]:
    """Every text of a paper."""
    found = list(paper.lead)
    for part in (part for section in paper.sections for part in section.parts):
        if isinstance(part, str):
            found.append(part)
        else:
            found += part.items if isinstance(part, Points) else [cell for row in part.rows for cell in row]
    return found


def _markdown(part: Part) -> str:
    """One part as Markdown."""
    if isinstance(part, str):
        return _marked(part)
    if isinstance(part, Points):
        return "\n".join(f"- {_marked(item)}" for item in part.items)
    return card_markdown.table(part.header, part.rows)


def _marked(text: str) -> str:
    """Text as Markdown, a blank in bold."""
    shown = card_markdown.plain(text)
    return f"**[{shown}]**" if text.startswith(_BLANK) else shown


def _html(part: Part) -> str:
    """One part as HTML."""
    if isinstance(part, str):
        return f"<p>{_inline(part)}</p>\n"
    if isinstance(part, Points):
        return "<ul>\n" + "".join(f"<li>{_inline(item)}</li>\n" for item in part.items) + "</ul>\n"
    head = "".join(f"<th scope=col>{html.escape(name)}</th>" for name in part.header)
    rows = "".join(f"<tr>{''.join(map(_cell, row, part.header))}</tr>\n" for row in part.rows)
    return f"<div class=wide><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"


def _cell(text: str, name: str) -> str:
    """One cell; a date or a number stays on one line, and on a phone each says which column it is of."""
    kind = " class=short" if _SHORT.fullmatch(text) else ""
    told = f' data-is="{html.escape(name)}"' if name else ""
    return f"<td{kind}{told}>{_inline(text)}</td>"


def _inline(text: str) -> str:
    """Text as HTML, a blank marked."""
    shown = html.escape(text)
    return f"<mark>{shown}</mark>" if text.startswith(_BLANK) else shown


_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<style>
:root { color-scheme: light dark; --page: #fff; --text: #1b1f24; --muted: #525b66; --line: #d5dae0; --mark: #fdf0c4; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14171b; --text: #e9ecef; --muted: #adb5be; --line: #3a414a; --mark: #4a3d10; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); overflow-wrap: anywhere;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 820px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 14px; }
h2 { font-size: 20px; line-height: 1.3; margin: 34px 0 8px; padding-top: 14px; border-top: 1px solid var(--line); }
p { margin: 0 0 10px; max-width: 70ch; }
.lead { color: var(--muted); }
ul { margin: 0 0 10px; padding-left: 22px; max-width: 70ch; }
li { margin-bottom: 5px; }
mark { background: var(--mark); color: inherit; padding: 1px 5px; border-radius: 3px; }
.wide { overflow-x: auto; margin: 0 0 12px; }
table { border-collapse: collapse; width: 100%; font-size: 14.5px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: 7px 16px 7px 0; border-bottom: 1px solid var(--line); }
th { color: var(--muted); font-weight: 600; }
td { overflow-wrap: normal; min-width: 6em; }
td:last-child:not(.short) { min-width: 14em; }
.short { white-space: nowrap; }
@media screen and (max-width: 560px) {
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; display: block; clip-path: inset(50%); }
  tr { display: block; padding: 8px 0; border-bottom: 1px solid var(--line); }
  td { display: block; border: 0; padding: 0; overflow-wrap: anywhere; }
  td[data-is]::before { content: attr(data-is) ": "; color: var(--muted); }
}
@media print {
  :root { --page: #fff; --text: #000; }
  main { max-width: none; padding: 0; }
  tr, li { break-inside: avoid; }
}
</style>
"""
