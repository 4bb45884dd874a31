"""Text and borders are readable in both themes: the contrast of the colour tokens' pairs, as WCAG 2 computes it."""

import re
from pathlib import Path

import pytest

CSS = (Path(__file__).resolve().parents[2] / "static/css/app.css").read_text()

TEXT = [  # at least 4.5
    *[("ink", ground) for ground in ("bg", "surface", "sunken", "raised", "active-line")],
    *[("muted", ground) for ground in ("bg", "surface", "sunken", "raised", "active-line", "accent-bg")],
    *[("accent", ground) for ground in ("bg", "surface", "sunken", "raised", "accent-bg")],
    *[("ok", ground) for ground in ("surface", "ok-bg")],
    *[("bad", ground) for ground in ("bg", "surface", "bad-bg")],
    *[("warn", ground) for ground in ("surface", "warn-bg")],
    *[("ink", ground) for ground in ("ok-bg", "bad-bg", "warn-bg", "accent-bg")],
    ("on-accent", "accent"),
]
GRAPHICS = [  # borders of controls, signs: at least 3
    *[("line-strong", ground) for ground in ("bg", "surface", "sunken", "raised")],
    ("ok", "bg"),
    ("warn", "surface"),
]


def tokens(theme: str) -> dict[str, str]:
    found = re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", CSS)
    return {name: light if theme == "light" else dark for name, light, dark in found}


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, two: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(two)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_the_computation_agrees_with_known_values():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_pair_of_colours_that_meet_is_readable(theme):
    colours = tokens(theme)
    too_faint = {
        f"{front} on {ground}": round(value, 2)
        for pairs, least in ((TEXT, 4.5), (GRAPHICS, 3.0))
        for front, ground in pairs
        if (value := contrast(colours[front], colours[ground])) < least
    }
    assert too_faint == {}
