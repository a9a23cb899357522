"""The purposes that tactful asks for, and the names that may have been meant as one of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from types import MappingProxyType

from tactful.errors import SchemaError

PURPOSE = r"[a-z0-9_]+(\.[a-z0-9_]+)*"
"""A purpose is lower-case words joined by dots. A regular expression that every engine understands."""

ASKED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "personalization": ("training", "recommendations", "sensitive"),
        "fairness": ("assessment", "mitigation"),
    }
)
"""The purposes that tactful asks for: each root, and the words that follow it. What is below those is a business's."""

SENSITIVE = "personalization.sensitive"
"""The parent of every opt-in to a sensitive category."""

_KNOWN = (*((root,) for root in ASKED), *((root, word) for root, below in ASKED.items() for word in below))
_ALIKE, _SLIP, _TOLD = 0.9, 2, 5


def is_asked(purpose: str) -> bool:
    """Whether tactful asks for this purpose, or for what it is part of or has as its parts."""
    root, *below = purpose.split(".")
    return root in ASKED and (not below or below[0] in ASKED[root])


def misspelt(purposes: Iterable[str]) -> dict[str, str]:
    """Of those purposes that tactful does not ask for, but that come close to one: what was probably meant.

    A purpose is close if **each** of its words is: the first alone where it has one word, the first two where it has
    more. A word is close at a similarity of 0.9 (`difflib.SequenceMatcher.ratio`), or at one slip: a letter that is
    missing, too many, another, or swapped with its neighbour. A dot that is left out, one too many, or one written
    ``_``, is a slip as well, also beside one in the letters. What follows the first two words is a business's and is
    kept as it is.

    Parameters
    ----------
    purposes : iterable of str
        As the gate reads them, in lower case. What is no purpose is passed over; see `tactful.personal.gate` for it.

    Notes
    -----
    *Why each word.* ``personalization.`` makes two thirds of most of these names, so that by their whole text
    ``personalization.tracking`` and ``personalization.ranking`` are 0.92 and 0.94 like ``personalization.training``. A
    business may well ask for those, and they are other words: neither is one slip from ``training``.

    *What passes.* Purposes of a business's own: under a root of its own (``marketing.email``), under ours
    (``personalization.ads``), even under a misspelt one (``personalisation.email``), since nothing that tactful does
    hangs on those. A longer or shorter form that somebody chose (``personalization_ads``, ``personalization.train``,
    ``personalized.recommendations``) is a name and no slip. An import says of all these that tactful does not ask for
    them.

    *What is caught without need.* Only a name that a reader would take for ours at a glance, such as
    ``personalization_v2``. Whoever means it has to choose a name that nobody confuses; whoever does not is told before
    a refusal protects nobody. The first costs a business a word, the second would cost a person their refusal.

    *What is not looked at.* Categories below ``personalization.sensitive``: they are the configuration's, and one
    letter makes another (``health``, ``wealth``).
    """
    found = ((purpose, _meant(purpose)) for purpose in set(purposes))
    return {purpose: meant for purpose, meant in found if meant is not None}


def check_spelling(purposes: Iterable[str], name: str) -> None:
    """Raise `SchemaError` if one of the purposes may have been meant as one that tactful asks for.

    To refuse it would protect nobody, and to give it would give nothing, without a word.

    Parameters
    ----------
    purposes : iterable of str
    name : str
        What errors call the table.

    Notes
    -----
    **Privacy.** *Reads* the names of purposes. *Returns* nothing. Its error repeats of a name only what comes close to
    one of ours, never what stands below it. *Costs* nothing. *Assumes* nothing.
    """
    pairs = sorted({_shown(purpose, meant) for purpose, meant in misspelt(purposes).items()})
    if not pairs:
        return
    one = pairs[0][1] if len(pairs) == 1 else "so"
    more = " and others" if len(pairs) > _TOLD else ""
    raise SchemaError(
        f"a purpose in {name} that tactful asks for has its own name",
        given=", ".join(f"{purpose} may mean {meant}" for purpose, meant in pairs[:_TOLD]) + more,
        do=f"Call it {one} in the table, or, if it is another purpose, give it another name",
        purposes=dict(pairs),
    )


def _meant(purpose: str) -> str | None:
    """What the purpose was probably meant as; None where it is one, or none comes close."""
    if is_asked(purpose) or not re.fullmatch(PURPOSE, purpose):
        return None
    dotted = purpose.split(".")
    apart = [*dotted[0].split("_", 1), *dotted[1:]]
    for known in _KNOWN:
        joined = [*known, *dotted[1:]] if dotted[0] == "".join(known) else dotted
        for words in (dotted, apart, joined):
            if min(len(words), 2) == len(known) and all(map(_close, words, known)):
                return ".".join((*known, *words[2:]))
        if _divided_otherwise(purpose, known):
            return ".".join(known)
    category = re.fullmatch(rf"({SENSITIVE.replace('.', '[._]')})_(.+)", purpose)
    return f"{SENSITIVE}.{category[2]}" if category else None


def _divided_otherwise(purpose: str, known: tuple[str, ...]) -> bool:
    """Whether a name has the letters of another but for one, with dots and ``_`` elsewhere."""
    ours, letters = "".join(known), re.sub("[._]", "", purpose)
    if purpose.count(".") + 1 == len(known) and "_" not in purpose:
        return False  # word by word, see above
    ratio = SequenceMatcher(None, letters, ours, autojunk=False).ratio()
    apart = round((1 - ratio) * (len(letters) + len(ours)))  # letters of either that the other does not have
    return apart <= (_SLIP if len(letters) == len(ours) else 1)


def _close(word: str, known: str) -> bool:
    """Whether a word is another, or comes close to it."""
    if abs(len(word) - len(known)) > len(known) // 4:
        return False
    ratio = SequenceMatcher(None, word, known, autojunk=False).ratio()
    return ratio >= _ALIKE or (1 - ratio) * (len(word) + len(known)) < _SLIP + 0.5


def _shown(purpose: str, meant: str) -> tuple[str, str]:
    """Both names without what stands below what tactful asks for."""
    ours = ".".join(meant.split(".")[:2])
    return purpose.removesuffix(meant.removeprefix(ours)), ours
