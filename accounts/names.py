"""Which names are the same to people, though the database tells them apart."""

import unicodedata
from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.db import models

LONGEST = 150


def folded(name: str) -> str:
    """The same for all spellings of a name: blanks around it, capitals and forms of Unicode do not count.

    Django itself strips and normalises names, but minds capitals. No more than 150 characters, whatever comes in.
    """
    return unicodedata.normalize("NFKC", name.strip()[:1000]).casefold()[:LONGEST]


def taken(names: Iterable[str]) -> set[str]:
    """Those of the names, folded, that somebody has in whatever spelling."""
    users = get_user_model()._default_manager.filter(folded_name__in=set(map(folded, names)))
    return set(users.values_list("folded_name", flat=True))


class FoldedName(models.CharField[Any, Any]):
    """A user's name, folded whenever the row is stored, alone or with others; so that nobody else can have it.

    Null stays null: that is an old name which was another's already, until it is changed (by Django's admin).
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_length": LONGEST, "unique": True, "null": True, "editable": False} | options)

    def pre_save(self, user: Any, add: bool) -> Any:
        if add or getattr(user, self.attname) is not None:
            setattr(user, self.attname, folded(user.username))
        return super().pre_save(user, add)
