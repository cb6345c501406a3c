"""Which datasets may be passed on, and what is shown of those that may not."""

from collections.abc import Mapping
from typing import Any

# SPDX identifiers of licences that let anyone pass texts and labels on, changed or not and for any purpose, as long as
# the source and the licence are named. Not here: NC and ND, software licences with further duties, and plain words,
# which only a person can judge. Whatever is not here is referenced, not copied.
REDISTRIBUTABLE = (
    *("CC0-1.0", "PDDL-1.0", "ODC-By-1.0", "ODbL-1.0", "CDLA-Permissive-1.0", "CDLA-Permissive-2.0", "Unlicense"),
    *(f"CC-BY-{version}" for version in ("1.0", "2.0", "2.5", "3.0", "4.0")),
    *(f"CC-BY-SA-{version}" for version in ("1.0", "2.0", "2.5", "3.0", "4.0")),
    *("MIT", "MIT-0", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "ISC"),
)
SPDX = {name.lower(): name for name in REDISTRIBUTABLE}


def free_licence(licence: object) -> str | None:
    """Return the SPDX identifier of a licence that lets anyone pass the data on, None for every other licence.

    Args:
        licence: As the card of a dataset gives it.

    Example:
        >>> free_licence("cc-by-4.0"), free_licence("CC-BY-NC-4.0"), free_licence("None stated; research use")
        ('CC-BY-4.0', None, None)
    """
    return SPDX.get(str(licence).strip().lower())


def withheld(cards: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return dataset -> its licence, of every dataset that may not be passed on.

    Args:
        cards: Dataset -> its card.
    """
    return {name: str(card["licence"]) for name, card in cards.items() if free_licence(card["licence"]) is None}


def without_texts(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return a card that quotes no text of a dataset that may not be passed on; every other card as it is.

    Args:
        card: Of the dataset. Beside its examples, findings and warnings may quote texts.
    """
    if free_licence(card["licence"]) is not None:
        return dict(card)
    why = (
        "Its examples, and the findings that quote them, are left out here, since its licence "
        f"({card['licence']}) is not one that lets anyone pass texts on."
    )
    return {**card, "examples": [], "findings": [], "warnings": [why]}
