"""Log records as JSON, one object a line, or as lines for people; and what is taken out of every one of them.

    loggers of the standard library: ours, RQ's, daphne's ─┐
    django-structlog's                                     ├─▶ fields ─▶ without secrets ─▶ JSON or text ─▶ stderr
    warnings, exceptions that nobody caught                ┘

What a program says, reads and prints is never handed to a logger. The net here is for what comes by itself, in the
words of an error: credentials in URLs and headers, and rows in a database's complaints. Whoever is on the web chooses
much of what it looks at: it takes time in proportion to the length, and every field has a greatest length.
"""

import json
import logging
import logging.config
import math
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from types import TracebackType
from typing import Any
from uuid import UUID

import structlog
from django.db.utils import Error as DatabaseError
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, ExcInfo, Processor

FORMATS = ("json", "text")
TAKEN_OUT = "***"

_SECRET_NAME = re.compile(r"(?i)(^|[_-])(authorization|cookies?|tokens?|key|passwords?|secrets?|dsn)($|[_-])")
MOST = {"event": 16 * 1024, "exception": 16 * 1024}
MOST_OF_A_FIELD = 500
"""Characters, of all other fields."""
_CUT = "… (cut)"


def _without_query(address: re.Match[str]) -> str:
    return address[0].partition("?")[0]


# None of them may look at the same text again from each of many beginnings: what it begins with is either fixed or
# cannot be preceded by what it goes on with.
_SECRETS: list[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]] = [
    (re.compile(pattern), instead)
    for pattern, instead in (
        # of an address user:password@, also where the rest of it is cut, and the query
        (rf"(?<=://)[^\s/'\"]*(?:@|(?={re.escape(_CUT)}(?m:$)))", ""),
        (r"(?<=://)[^\s'\"<>]+", _without_query),
        # addresses that let somebody in: Django names those that it does not know; and so daphne shows a request
        (r"(?i)\b(password/new/|callbacks/judge0/[^\s/]*/)[^\s'\"]+", rf"\1{TAKEN_OUT}"),
        (r"(?<=\buri=)/\S*", TAKEN_OUT),
        (r"(?i)\b(Authorization|X-Auth-\w+|X-Code-Exec-Key|Cookie)(['\"]?\s*[:=]\s*).*", rf"\1\2{TAKEN_OUT}"),
        (r"(?i)\b(Bearer|Api-Key)\s+\S+", rf"\1 {TAKEN_OUT}"),
        (r"(?i)\b(\w*(token|password|secret|ticket|sessionid|api_key))=[^\s&;,'\"]+", rf"\1={TAKEN_OUT}"),
        # our keys and tickets, and JSON Web Tokens
        (r"\b(jk|jt)_[0-9a-f]\w+", rf"\1_{TAKEN_OUT}"),
        (r"(?<![\w-])eyJ[\w-]+\.[\w-]+(\.[\w-]*)*", TAKEN_OUT),
        # PostgreSQL shows rows and statements, whose text may look like anything: nothing after it is kept
        (r"(?ms)(^[ |]*|\\n)((DETAIL|HINT|CONTEXT|QUERY|STATEMENT): |LINE \d+:) .*", rf"\1{TAKEN_OUT}"),
        (r"(?s)Failing row contains \(.*", f"Failing row contains {TAKEN_OUT}"),
    )
]


def without_secrets(text: str) -> str:
    """The text without what looks like a credential; what is left of an address is where it leads."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + _CUT


def _redact(logger: Any, method: str, event: EventDict) -> EventDict:
    for name, value in event.items():
        if _SECRET_NAME.search(name):
            event[name] = TAKEN_OUT
        elif isinstance(value, str):
            event[name] = without_secrets(_shortened(value, MOST.get(name, MOST_OF_A_FIELD)))
    return event


def _exception(exc_info: ExcInfo) -> str:
    """Python's traceback, but that of what a database complains of there is only the first line.

    Where it is too long its middle is left out, by whole lines: what has happened is told at the end.
    """
    told = "".join(traceback.format_exception(exc_info[1]))
    for error in _all_of(exc_info[1]):
        if isinstance(error, DatabaseError):
            told = told.replace(str(error), str(error).partition("\n")[0])
    lines = [_shortened(line, MOST_OF_A_FIELD) for line in told.rstrip("\n").split("\n")]
    return _without_middle("\n".join(lines), MOST["exception"])


def _without_middle(text: str, most: int) -> str:
    half = most // 2 - len(_CUT)
    end = text[-half:].partition("\n")[2]
    return text if len(text) <= most else f"{text[:half]}{_CUT}\n{end}"


def _all_of(error: BaseException) -> Iterable[BaseException]:
    """Itself, and those that it comes from."""
    found: dict[int, BaseException] = {}
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in found:
            found[id(one)] = one
            waiting += [one.__cause__, one.__context__]
    return found.values()


def _keep_what_is_plain(logger: Any, method: str, event: EventDict) -> EventDict:
    """Others hand objects to their loggers: a request would be shown with its query. Nothing is not told."""
    plain = {name: str(value) if _has_no_json(value) else value for name, value in event.items()}
    return {name: value for name, value in plain.items() if isinstance(value, str | int | float)}


def _has_no_json(value: object) -> bool:
    return isinstance(value, UUID | Decimal) or (isinstance(value, float) and not math.isfinite(value))


def _in_words(logger: Any, method: str, event: EventDict) -> str:
    """`2026-11-22 09:30:00 INFO submissions.judging: what has happened with=fields`, then the exception's lines."""
    fields = dict(event)
    time, level, name, what = (str(fields.pop(one, "")) for one in ("timestamp", "level", "logger", "event"))
    exception = str(fields.pop("exception", ""))
    told = [
        f"{time} {level.upper()} {name}: {_visible(what)}",
        *(f"{key}={_word(one)}" for key, one in fields.items()),
    ]
    return "\n    ".join([" ".join(told), *map(_visible, exception.split("\n") if exception else [])])


def _visible(text: str) -> str:
    """Without what would begin another line, or do something to a terminal."""
    return re.sub(r"[\0-\x1f\x7f-\x9f\u2028\u2029]", lambda odd: ascii(odd[0])[1:-1], text)


def _word(value: object) -> str:
    """Quoted where it would not be one word in one line."""
    text = str(value)
    return text if re.fullmatch(r"[!#-~]+", text) else json.dumps(text)


def _arriving(time: Processor) -> list[Processor]:
    """What every record gets, whoever it comes from."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        time,
    ]


def _formatter(time: Processor, *rendering: Processor) -> dict[str, Any]:
    return {
        "()": ProcessorFormatter,
        "foreign_pre_chain": [*_arriving(time), structlog.stdlib.ExtraAdder()],
        "processors": [
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.ExceptionRenderer(_exception),
            _keep_what_is_plain,
            _redact,
            *rendering,
        ],
    }


_EXACT_TIME = structlog.processors.TimeStamper(fmt="iso", utc=True)
_LOCAL_TIME = structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False)


def configuration(form: str, level: str) -> dict[str, Any]:
    """LOGGING, for one of FORMATS."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": _formatter(_EXACT_TIME, structlog.processors.JSONRenderer()),
            "text": _formatter(_LOCAL_TIME, _in_words),
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": form,
                "level": level,  # also for loggers that have a level of their own
                "stream": sys.stderr,
            }
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {
                "level": "INFO",
                "handlers": [],
            },  # Django's own would print to the console beside ours
            # SQL carries sources and testcase data: it is never logged, whatever LOG_LEVEL says.
            "django.db.backends": {"level": "INFO"},
            "django.request": {
                "level": "CRITICAL"
            },  # the line about the request says it, django-structlog says why
            "rq": {"level": "WARNING"},  # five lines a job; ours tell what was judged
            "daphne": {"level": "WARNING"},
            "urllib3": {"level": "INFO"},  # it would tell whole URLs, secrets of webhooks' receivers included
            "markdown_it": {"level": "INFO"},
        },
    }


def configure(configuration: Mapping[str, Any]) -> None:
    """LOGGING_CONFIG: what Django calls with LOGGING. With JSON, nothing else is said on stderr by itself."""
    logging.config.dictConfig(dict(configuration))
    form = configuration["handlers"]["stderr"]["formatter"]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_arriving(_EXACT_TIME if form == "json" else _LOCAL_TIME),
            structlog.stdlib.PositionalArgumentsFormatter(),
            ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    if form == "json":
        logging.captureWarnings(True)
        sys.excepthook = _tell_uncaught
        threading.excepthook = _tell_uncaught_in_thread
        sys.unraisablehook = _tell_unraisable


# --- What Python would print -----------------------------------------------------------------------------------

_python = logging.getLogger("python")


def _tell_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    _python.critical("an exception has ended the process", exc_info=(kind, error, trace))


def _tell_uncaught_in_thread(told: threading.ExceptHookArgs) -> None:
    if told.exc_value is not None and not isinstance(told.exc_value, SystemExit):
        found = (told.exc_type, told.exc_value, told.exc_traceback)
        _python.error("an exception has ended a thread", exc_info=found)


def _tell_unraisable(told: "sys.UnraisableHookArgs") -> None:
    if told.exc_value is not None:
        found = (told.exc_type, told.exc_value, told.exc_traceback)
        _python.error(told.err_msg or "an exception came where none can be raised", exc_info=found)
