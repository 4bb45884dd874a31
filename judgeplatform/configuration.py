"""How a setting is read from the environment: typed, refused by name when it is nonsense, and written down.

Each reader takes a name, a default and what the setting means. The name, the default in words, what it may be, the
meaning and the section are the record from which `manage.py settings` makes docs/settings.md. Which settings there
are, and what Django gets of them, is in settings.py.

A variable that is set but empty counts as not set: that is what `NAME: ${NAME:-}` makes of one nobody set. A secret
NAME may be in a file instead, which the variable NAME_FILE names. A refusal is an ImproperlyConfigured of one
sentence; it never repeats a secret.
"""

import io
import ipaddress
import json
import os
import re
import secrets
import warnings
import zoneinfo
from collections.abc import Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload
from urllib.parse import urlsplit

import environ
import limits
from django.core.exceptions import ImproperlyConfigured
from redis import Redis

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

YES, NO = ("1", "true", "yes", "y", "on", "ok"), ("0", "false", "no", "n", "off")
FILE = "_FILE"
"""What follows a secret's name in the name of the variable that says in which file it is."""

URLS: Any = environ.Env
"""Takes them apart; its functions have no types."""
UNBOUNDED = 1e12
DATABASES = ("sqlite", "postgres", "postgresql", "psql", "pgsql")
LINE = r"(#.*)?|(export )?[A-Za-z_0-9]+=.*"
"""Of a file like `.env`. What its reader takes for none, it leaves out, and prints."""
ORIGIN = r"https?://[^\s/?#@\\]+"
NTH = "<n>"
"""In the name of a setting of which there is one for each of several things, counted from 1."""


@dataclass(frozen=True)
class Setting:
    """`default` and `allowed` are words for people, in Markdown."""

    name: str
    default: str
    allowed: str
    meaning: str
    section: str
    is_secret: bool

    def is_given_by(self, variable: str) -> bool:
        name = re.escape(self.name).replace(re.escape(NTH), r"[1-9]\d*")
        return bool(re.fullmatch(f"{name}({FILE})?" if self.is_secret else name, variable))


class Configuration:
    """The settings that were read from `environment`, in the order in which they were; `about` tells of sections."""

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        self.environment = environment
        self.settings: dict[str, Setting] = {}
        self.about: dict[str, str] = {}
        self._section = ""

    def section(self, title: str, about: str = "") -> None:
        """What is read from now on belongs there."""
        self._section = title
        self.about[title] = about

    def read_file(self, path: Path) -> None:
        """Add what the file says and the environment does not, neither itself nor by naming a file."""
        given = {name.removesuffix(FILE) for name in self.environment}
        for name, value in variables_of(path).items():
            if name.removesuffix(FILE) not in given:
                self.environment[name] = value

    def text(self, name: str, default: str, meaning: str, *, shown: str = "", allowed: str = "") -> str:
        self._record(name, shown or _code(default), allowed, meaning)
        return self._said(name) or default

    def flag(self, name: str, default: bool, meaning: str, *, shown: str = "") -> bool:
        """Only a word for yes or no: of anything else nobody can say which was meant."""
        self._record(name, shown or str(default).lower(), "true, false", meaning)
        word = self._said(name)
        if word is None:
            return default
        if word.lower() not in YES + NO:
            raise ImproperlyConfigured(f"{name} is {word!r}; it must be true or false.")
        return word.lower() in YES

    @overload
    def number(
        self,
        name: str,
        default: int,
        meaning: str,
        *,
        least: float = 0,
        most: float = UNBOUNDED,
        shown: str = "",
        allowed: str = "",
    ) -> int: ...

    @overload
    def number(
        self,
        name: str,
        default: float,
        meaning: str,
        *,
        least: float = 0,
        most: float = UNBOUNDED,
        shown: str = "",
        allowed: str = "",
    ) -> float: ...

    def number(
        self,
        name: str,
        default: float,
        meaning: str,
        *,
        least: float = 0,
        most: float = UNBOUNDED,
        shown: str = "",
        allowed: str = "",
    ) -> float:
        """A number of `default`'s type; outside `least` … `most` it is refused."""
        self._record(name, shown or f"{default:.10g}", allowed or _bounds(least, most), meaning)
        said = self._said(name)
        try:
            value = default if said is None else type(default)(said)
        except ValueError as error:
            raise ImproperlyConfigured(f"{name} must be a number.") from error
        if not least <= value <= most:
            raise ImproperlyConfigured(f"{name} is {value}; it must be {_bounds(least, most)}.")
        return value

    def choice(
        self, name: str, default: str, choices: Sequence[str], meaning: str, *, shown: str = ""
    ) -> str:
        self._record(name, shown or _code(default), ", ".join(map(_code, choices)), meaning)
        value = self._said(name) or default
        if value not in choices:
            raise ImproperlyConfigured(f"{name} is {value!r}; it must be one of {', '.join(choices)}.")
        return value

    def rate(self, name: str, default: str, meaning: str) -> str:
        self._record(name, _code(default), "a rate", meaning)
        value = self._said(name) or default
        try:
            if limits.parse(value).amount < 1:
                raise ValueError("nobody could ever do it")
        except ValueError as error:
            raise ImproperlyConfigured(f"{name} is {value!r}; it must be like 20/minute.") from error
        return value

    def words(
        self,
        name: str,
        default: Sequence[str],
        meaning: str,
        *,
        shown: str = "",
        known: Collection[str] = (),
        is_secret: bool = False,
        empty_counts: bool = False,
    ) -> list[str]:
        """What stands between commas; other than `known` ones are refused. `empty_counts`: set to nothing is none."""
        self._record(name, shown or _code(",".join(default)), "words, between commas", meaning, is_secret)
        said = self._secret(name) if is_secret else self._said(name)
        if said is None:
            return [] if empty_counts and name in self.environment else list(default)
        found = [word.strip() for word in said.split(",") if word.strip()]
        if known and (not found or not set(known).issuperset(found)):
            raise ImproperlyConfigured(f"{name} must be some of {', '.join(sorted(known))}.")
        return found

    def networks(self, name: str, meaning: str) -> list[Network]:
        self._record(name, "–", "networks such as `10.1.0.0/16`, between commas", meaning)
        words = (self._said(name) or "").split(",")
        try:
            return [ipaddress.ip_network(word.strip()) for word in words if word.strip()]
        except ValueError as error:
            raise ImproperlyConfigured(f"{name} must be networks such as 10.1.0.0/16: {error}.") from error

    def url(self, name: str, default: str, meaning: str, *, shown: str = "") -> str:
        """The origin of a web server, `http(s)://host` or `http(s)://host:port`: nothing comes after it."""
        self._record(name, shown or _code(default), "`http://…` or `https://…`, without a path", meaning)
        value = (self._said(name) or default).rstrip("/")
        try:
            parts = urlsplit(value)
            is_one = bool(re.fullmatch(ORIGIN, value)) and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_one = False
        if not is_one:
            raise ImproperlyConfigured(f"{name} must be like https://judge.example.org.")
        return value

    def secret(self, name: str, default: str, meaning: str, *, shown: str = "", allowed: str = "") -> str:
        self._record(name, shown or _code(default), allowed, meaning, is_secret=True)
        return self._secret(name) or default

    def secret_objects(self, name: str, count: int, meaning: str, *, of: str) -> list[dict[str, Any]]:
        """A JSON object for each of the `count` things that the setting `of` names, from 1; empty where there is none.

        `name` contains `<n>`; a number beyond is refused.
        """
        self._record(name, "–", "a JSON object", meaning, is_secret=True)
        known = {name.replace(NTH, str(number)) for number in range(1, count + 1)}
        for variable in sorted(filter(self.settings[name].is_given_by, self.environment)):
            if self._said(variable) and variable.removesuffix(FILE) not in known:
                raise ImproperlyConfigured(f"{variable} belongs to nothing: {of} names {count}.")
        return [self._object(name.replace(NTH, str(number))) for number in range(1, count + 1)]

    def database(self, name: str, default: str, meaning: str, *, shown: str) -> dict[str, Any]:
        """One of Django's DATABASES."""
        url = self.secret(name, default, meaning, shown=shown, allowed="`postgres://…` or `sqlite:///…`")
        try:
            if url.partition(":")[0] not in DATABASES:
                raise ValueError("unknown scheme")
            with warnings.catch_warnings(action="error"):  # a host in an SQLite URL is one slash too few
                found: dict[str, Any] = URLS.db_url_config(url)
        except (ValueError, UserWarning, ImproperlyConfigured):
            # Neither the URL nor what was said of it: it carries a password.
            found = {}
        if not found.get("NAME"):
            raise ImproperlyConfigured(
                f"{name} must be like postgres://user:password@host:5432/name, or sqlite:////path/to/file."
            )
        return found

    def redis(self, name: str, default: str, meaning: str, *, shown: str) -> str:
        allowed = "`redis://…`, `rediss://…` or `unix://…`"
        url = self.secret(name, default, meaning, shown=shown, allowed=allowed)
        try:
            Redis.from_url(url).close()  # connects to nobody
        except ValueError:  # not what was said of it: it carries a password
            raise ImproperlyConfigured(
                f"{name} must be like redis://:password@host:6379/0, or unix:///path/to/socket."
            ) from None
        return url

    def time_zone(self, name: str, default: str, meaning: str) -> str:
        self._record(name, _code(default), "such as `Europe/London`", meaning)
        value = self._said(name) or default
        try:
            zoneinfo.ZoneInfo(value)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ImproperlyConfigured(f"{name} is {value!r}; it must be like Europe/London.") from error
        return value

    def mail(self, name: str, meaning: str, *, shown: str) -> dict[str, Any]:
        """Django's EMAIL_…; empty where nothing is set."""
        url = self.secret(
            name, "", meaning, shown=shown, allowed="`smtp+tls://…`, `smtp+ssl://…`, `smtp://…`"
        )
        if not url:
            return {}
        try:
            found = URLS.email_url_config(url)
        except (ValueError, ImproperlyConfigured):
            raise ImproperlyConfigured(f"{name} must be like smtp+tls://user:password@host:587.") from None
        return {key: value for key, value in found.items() if key.startswith("EMAIL_") and value is not None}

    def is_given(self, name: str) -> bool:
        return self._said(name) is not None

    def others(self, prefix: str) -> dict[str, str]:
        """What the environment says under names that begin so and belong to no setting read so far."""
        return {
            name: value
            for name, value in self.environment.items()
            if name.startswith(prefix) and self.setting_of(name) is None
        }

    def setting_of(self, variable: str) -> Setting | None:
        """The setting that this variable gives, itself or in a file."""
        found = (setting for setting in self.settings.values() if setting.is_given_by(variable))
        return next(found, None)

    def without_files(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The same with the secrets themselves instead of the names of their files."""
        found = dict(environment)
        for variable in environment:
            setting = self.setting_of(variable)
            if setting and setting.is_secret and variable.endswith(FILE):
                found[variable.removesuffix(FILE)] = self._secret(variable.removesuffix(FILE)) or ""
                del found[variable]
        return found

    def _record(self, name: str, default: str, allowed: str, meaning: str, is_secret: bool = False) -> None:
        """What is said first counts."""
        setting = Setting(name, default, allowed, meaning, self._section, is_secret)
        self.settings.setdefault(name, setting)

    def _said(self, name: str) -> str | None:
        return self.environment.get(name, "").strip() or None

    def _secret(self, name: str) -> str | None:
        """From its variable or from its file."""
        said, path = self._said(name), self._said(name + FILE)
        if path is None:
            return said
        if said is not None:
            raise ImproperlyConfigured(f"{name} and {name}{FILE} are both set: give one of them.")
        try:
            text = Path(path).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ImproperlyConfigured(f"The file that {name}{FILE} names cannot be read.") from error
        if not text:
            raise ImproperlyConfigured(f"The file that {name}{FILE} names is empty.")
        return text

    def _object(self, name: str) -> dict[str, Any]:
        try:
            found = json.loads(self._secret(name) or "{}")
        except ValueError:
            raise ImproperlyConfigured(f"{name} is not JSON.") from None
        if not isinstance(found, dict):
            raise ImproperlyConfigured(f"{name} must be a JSON object of names and values.")
        return found


def variables_of(path: Path) -> dict[str, str]:
    """What a file like `.env` says; nothing where there is none. What is refused is not shown: it may be a secret."""

    class OfTheFile(environ.Env):
        ENVIRON: Any = {}

    try:
        lines = [line.strip() for line in path.read_text().splitlines()]
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{path} cannot be read.") from error
    for number, line in enumerate(lines, start=1):
        if not re.fullmatch(LINE, line):
            raise ImproperlyConfigured(f"{path}, line {number}: it must be like NAME=value, or begin with #.")
    OfTheFile.read_env(io.StringIO("\n".join(lines)))
    found: dict[str, str] = OfTheFile.ENVIRON
    return found


def lasting_secret(path: Path, *, instead: str) -> str:
    """The secret in that file, which the first start makes, readable by its owner only.

    Where that cannot be, `instead` names the settings that would help.
    """
    try:
        if not path.exists():
            _write_once(path, secrets.token_urlsafe(50))
        return path.read_text()
    except OSError as error:
        raise ImproperlyConfigured(
            f"{path} cannot be used ({error.strerror}): make it yours, or set {instead}."
        ) from error


def _write_once(path: Path, text: str) -> None:
    """Make the file, for its owner only; where several processes start at once, the first one wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()


def _code(value: str) -> str:
    return f"`{value}`" if value else "–"


def _bounds(least: float, most: float) -> str:
    return f"{least:.10g} or more" if most >= UNBOUNDED else f"{least:.10g} to {most:.10g}"
