"""Factors by which a question's time limit is longer in some languages: {"python": 3, "*": 1}, where * are all others.

Without any, those of the platform hold.
"""

from typing import Any

from execution import languages

OTHERS = "*"
LEAST, MOST = 0.1, 20.0


class FactorsRefused(ValueError):
    pass


def checked(document: Any) -> dict[str, float]:
    """Raises FactorsRefused with the first thing that is wrong."""
    if not isinstance(document, dict):
        raise FactorsRefused('Factors are an object, such as {"python": 3, "*": 1}.')
    known = {OTHERS, *(language.slug for language in languages.LANGUAGES)}
    for slug, factor in document.items():
        if slug not in known:
            raise FactorsRefused(f"{str(slug)[:40]} is no language; known are {', '.join(sorted(known))}.")
        is_number = isinstance(factor, int | float) and not isinstance(factor, bool)
        if not is_number or not LEAST <= factor <= MOST:
            raise FactorsRefused(f"The factor of {slug} is a number from {LEAST:g} to {MOST:g}.")
    return {slug: float(factor) for slug, factor in document.items()}
