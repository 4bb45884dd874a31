"""What stops an engine from starting, in words for the person who starts it."""

from __future__ import annotations


class Problem(Exception):
    """One sentence that names what is missing and what to do about it."""
