"""What a benchmark found: a table for people, or with `--json` a list for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Figure:
    """`value` is a median or a ratio taken in one run, None where it could not be measured; `how` says why."""

    name: str
    value: float | None
    unit: str
    how: str
    goal: str | None = None
    ok: bool = True


def at_most(name: str, value: float, unit: str, most: float, how: str) -> Figure:
    return Figure(name, _rounded(value), unit, how, f"≤ {most:g}", value <= most)


def at_least(name: str, value: float, unit: str, least: float, how: str) -> Figure:
    return Figure(name, _rounded(value), unit, how, f"≥ {least:g}", value >= least)


def beside(name: str, value: float, unit: str, how: str) -> Figure:
    """One without a goal, that explains another."""
    return Figure(name, _rounded(value), unit, how)


def not_measured(name: str, why: str) -> Figure:
    return Figure(name, None, "", f"could not be measured: {why}", ok=False)


def _rounded(value: float) -> float:
    return round(value, 2 if value < 10 else 1)


def show(figures: Sequence[Figure], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([asdict(one) for one in figures], ensure_ascii=False))
        return
    width = max(len(one.name) for one in figures)
    for one in figures:
        value = "–" if one.value is None else f"{one.value:g}"
        goal = f"{one.goal} {'met' if one.ok else 'MISSED'}" if one.goal else "" if one.ok else "MISSED"
        print(f"{one.name:<{width}}  {value:>8} {one.unit:<6} {goal:<14} {one.how}")
