"""Texts of others on a terminal: titles, names, reasons, columns, and the errors that quote them."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text with what would move the cursor or colour the terminal made visible; line ends stay."""
    return "".join(letter if letter.isprintable() or letter == "\n" else repr(letter)[1:-1] for letter in text)
