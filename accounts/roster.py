"""Many learners at once, from a list: CSV with a header of these columns, of which only `username` must be there.

    username,email,first_name,last_name,password

All of them get an account, or none and the list says line by line what is wrong with it. Who has no password there
gets one that is made up.

What is made up is random enough (80 bits) that a slow hash would add nothing but an hour of waiting: it is hashed in
few rounds, and Django hashes it anew, slowly, when its owner first signs in. What people think up is always hashed
slowly, about a quarter of a second each; so only so many lists may bring along.
"""

import csv
import io
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.contrib.auth import hashers
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts import names
from accounts.models import User

COLUMNS = ("username", "email", "first_name", "last_name", "password")
MAX_BYTES = 1024 * 1024
MAX_ROWS = 2000
MAX_OWN_PASSWORDS = 50
LOOKS_LIKE_A_FORMULA = ("+", "-", "@")  # they would change it in the file of names and passwords

ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # nothing that looks like something else
QUICK_ITERATIONS = 1000


@dataclass(frozen=True)
class Row:
    """`values` has every column, blanks around it taken away; `line` counts from 1, the header included."""

    line: int
    values: dict[str, str]


@dataclass(frozen=True)
class Newcomer:
    user: User
    password: str = field(repr=False)
    is_made_up: bool


@dataclass(frozen=True)
class Trouble:
    """`line` is None where all of the list is wrong."""

    line: int | None
    words: str

    def __str__(self) -> str:
        return self.words if self.line is None else f"Line {self.line}: {self.words}"


class RosterRefused(Exception):
    """Nobody was given an account."""

    def __init__(self, *troubles: Trouble) -> None:
        super().__init__(f"{len(troubles)} troubles")
        self.troubles = troubles


def read(data: bytes) -> list[Newcomer]:
    """Whom the list names, checked but not stored; raises RosterRefused."""
    rows = list(_rows(_text(data)))
    if not rows:
        raise RosterRefused(Trouble(None, "There is nobody in the list."))
    if sum(bool(row.values["password"]) for row in rows) > MAX_OWN_PASSWORDS:
        words = f"At most {MAX_OWN_PASSWORDS} may bring a password along; leave the others empty."
        raise RosterRefused(Trouble(None, words))
    newcomers = [_newcomer(row) for row in rows]
    troubles = [
        *_troubles_of_names(rows),
        *(
            Trouble(row.line, words)
            for row, one in zip(rows, newcomers, strict=True)
            for words in _faults_of(one)
        ),
    ]
    if troubles:
        raise RosterRefused(*sorted(troubles, key=lambda trouble: trouble.line or 0))
    return newcomers


def enrol(newcomers: list[Newcomer]) -> list[User]:
    """Give all of them an account. Raises RosterRefused where somebody was faster with a name."""
    for one in newcomers:
        one.user.password = (
            _quick_hash(one.password) if one.is_made_up else hashers.make_password(one.password)
        )
    try:
        with transaction.atomic():
            return User.objects.bulk_create([one.user for one in newcomers], batch_size=500)
    except IntegrityError as error:
        words = "One of the names was taken a moment ago. Try again."
        raise RosterRefused(Trouble(None, words)) from error


# --- Reading -------------------------------------------------------------------------------------------------


def _text(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise RosterRefused(Trouble(None, f"The list has more than {MAX_BYTES // 1024} KiB."))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RosterRefused(Trouble(None, "The list is not in UTF-8.")) from error
    if "\0" in text:
        raise RosterRefused(Trouble(None, "The list is no text."))
    return text


def _rows(text: str) -> Iterator[Row]:
    """Lines without anything are passed over. Raises RosterRefused for what is no such list."""
    separator = ";" if ";" in text.partition("\n")[0] else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    columns: list[str] = []
    count, next_line = 0, 1
    try:
        for cells in reader:
            line, next_line = next_line, reader.line_num + 1  # a quoted cell may have several lines
            if not any(cell.strip() for cell in cells):
                continue
            if not columns:
                columns = _columns(line, cells)
                continue
            count += 1
            yield _row(line, columns, cells, count)
    except csv.Error as error:
        raise RosterRefused(Trouble(next_line, f"This is no CSV ({error}).")) from error


def _columns(line: int, cells: list[str]) -> list[str]:
    found = [cell.strip().lower() for cell in cells]
    if "username" not in found or len(set(found)) < len(found) or not set(found) <= set(COLUMNS):
        words = f"Here the columns are named: username, and if you like {', '.join(COLUMNS[1:])}."
        raise RosterRefused(Trouble(line, words))
    return found


def _row(line: int, columns: list[str], cells: list[str], count: int) -> Row:
    if count > MAX_ROWS:
        raise RosterRefused(Trouble(line, f"At most {MAX_ROWS} people can be imported at once."))
    if len(cells) > len(columns):
        raise RosterRefused(Trouble(line, f"There are {len(cells)} cells in {len(columns)} columns."))
    given = dict(zip(columns, cells, strict=False))
    values = {name: given.get(name, "") for name in COLUMNS}
    return Row(line, {name: text if name == "password" else text.strip() for name, text in values.items()})


# --- Checking ------------------------------------------------------------------------------------------------


def _newcomer(row: Row) -> Newcomer:
    given = dict(row.values)
    password = given.pop("password")
    user = User(**given)
    user.clean()  # the name and the address in the form in which they are stored
    return Newcomer(user, password or _made_up(), is_made_up=not password)


def _faults_of(one: Newcomer) -> Iterator[str]:
    if one.user.username.startswith(LOOKS_LIKE_A_FORMULA):
        yield f"username: It begins with one of {' '.join(LOOKS_LIKE_A_FORMULA)}, which spreadsheets read as formulas."
    try:
        one.user.clean_fields(exclude={"password"})
    except ValidationError as error:
        for column, sentences in error.message_dict.items():
            yield from (f"{column}: {sentence}" for sentence in sentences)
    if one.is_made_up:
        return
    try:
        validate_password(one.password, one.user)
    except ValidationError as error:
        yield from (f"password: {sentence}" for sentence in error.messages)


def _troubles_of_names(rows: list[Row]) -> Iterator[Trouble]:
    taken = names.taken(row.values["username"] for row in rows)
    lines: dict[str, int] = {}
    for row in rows:
        name = row.values["username"]
        key = names.folded(name)
        if not key:
            continue  # which is said of it already
        if key in lines:
            yield Trouble(row.line, f"“{name}” is in line {lines[key]} already.")
        elif key in taken:
            yield Trouble(row.line, f"Somebody is called “{name}” already.")
        lines.setdefault(key, row.line)


# --- Passwords -----------------------------------------------------------------------------------------------


def _made_up() -> str:
    """As `k7fq-m2xa-…`: easy to copy from paper."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(4))


def _quick_hash(password: str) -> str:
    hasher = hashers.get_hasher()
    if isinstance(hasher, hashers.PBKDF2PasswordHasher):
        return hasher.encode(password, hasher.salt(), QUICK_ITERATIONS)
    return hashers.make_password(password)
