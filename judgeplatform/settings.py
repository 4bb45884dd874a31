"""Every setting, read once from the environment; the defaults run on a fresh machine.

The environment wins over `.env`, which wins over `var/up.env` (what a running `manage.py up` started: its Redis,
its engine). Nothing else in the project reads the environment.
"""

import ipaddress
import os
import secrets
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django_stubs_ext
import environ
import limits
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

django_stubs_ext.monkeypatch()  # so that `ModelForm[Question]` means something at run time

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")
VAR_DIR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var")))
environ.Env.read_env(VAR_DIR / "up.env")


def number(name: str, default: int | float, *, least: float = 0, most: float = 1e12) -> Any:
    """The number in variable `name`, of `default`'s type; outside `least` … `most` it is refused by name."""
    read = int if isinstance(default, int) else float
    try:
        value = read(env.str(name, default=str(default)))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a number.") from error
    if not least <= value <= most:
        raise ImproperlyConfigured(f"{name} is {value}; it must be {least:g} to {most:g}.")
    return value


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    """The word in variable `name`; anything but the `allowed` ones is refused by name."""
    value = env.str(name, default=default)
    if value not in allowed:
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be one of {', '.join(allowed)}.")
    return value


def rate(name: str, default: str) -> str:
    """A rate such as `20/minute`; nonsense is refused by name."""
    value = env.str(name, default=default)
    try:
        limits.parse(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be like 20/minute.") from error
    return value


def networks(name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """The networks in variable `name`, such as `10.1.0.0/16,fd00::/8`; nonsense is refused by name."""
    try:
        return [ipaddress.ip_network(one.strip()) for one in env.list(name, default=[]) if one.strip()]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be networks such as 10.1.0.0/16: {error}.") from error


def algorithms(name: str, default: list[str]) -> list[str]:
    """The signatures in variable `name`: only such whose keys are pairs, so that nobody can sign with a public key."""
    known = {f"{kind}{size}" for kind in ("RS", "ES", "PS") for size in (256, 384, 512)} | {"EdDSA"}
    value = [one.strip() for one in env.list(name, default=default) if one.strip()]
    if not value or not known.issuperset(value):
        raise ImproperlyConfigured(f"{name} must be some of {', '.join(sorted(known))}.")
    return value


def secret_key() -> str:
    """SECRET_KEY, or the one that the first start wrote to `var/secret_key` (readable by its owner only)."""
    if given := env.str("SECRET_KEY", default=""):
        return given
    path = VAR_DIR / "secret_key"
    try:
        if not path.exists():
            _write_once(path, secrets.token_urlsafe(50))
        return path.read_text()
    except OSError as error:
        raise ImproperlyConfigured(
            f"{path} cannot be used ({error.strerror}): make it yours, or set VAR_DIR or SECRET_KEY."
        ) from error


def mail() -> dict[str, Any]:
    """Django's EMAIL_… from EMAIL_URL; where there is none, messages are files in `var/mail`, for the operator."""
    url = env.str("EMAIL_URL", default="")
    if not url:
        return {"EMAIL_BACKEND": "accounts.mail.PrivateFiles", "EMAIL_FILE_PATH": str(VAR_DIR / "mail")}
    try:
        found = env.email_url_config(url)
    except (ValueError, ImproperlyConfigured):
        # Neither the URL nor what was said of it: it carries a password.
        raise ImproperlyConfigured("EMAIL_URL must be like smtp+tls://user:password@host:587.") from None
    return {name: value for name, value in found.items() if name.startswith("EMAIL_") and value is not None}


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


# --- Where it runs -------------------------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = secret_key()
HOST = env.str("HOST", default="127.0.0.1")
PORT = number("PORT", 8000, least=1, most=65535)
PUBLIC_URL = env.str("PUBLIC_URL", default=f"http://127.0.0.1:{PORT}").rstrip("/")
PUBLIC_HOST = urlsplit(PUBLIC_URL).hostname or "127.0.0.1"
IS_HTTPS = urlsplit(PUBLIC_URL).scheme == "https"

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[PUBLIC_HOST, "localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[PUBLIC_URL])
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = number("SECURE_HSTS_SECONDS", 31536000 if IS_HTTPS else 0)
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("TRUST_PROXY", default=False) else None
)

# --- What it is made of --------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "corsheaders",
    "csp",
    "django_rq",
    "rest_framework",
    "drf_spectacular",
    "judgeplatform",
    "submissions",
    "questions",
    "accounts",
    "execution",
]

MIDDLEWARE = [
    "corsheaders.middleware.CorsMiddleware",  # first: whatever refuses a request, its client may read why
    "judgeplatform.middleware.refuse_odd_charsets",
    "judgeplatform.middleware.refuse_null_characters",
    "judgeplatform.middleware.refuse_large_bodies",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "judgeplatform.urls"
ASGI_APPLICATION = "judgeplatform.asgi.application"
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.signing_in.AnySpelling"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "questions"
LOGOUT_REDIRECT_URL = "questions"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

SIGNUP = choice("SIGNUP", "closed", ("open", "invite", "closed"))
PASSWORD_RESET_TIMEOUT = 24 * 3600  # the message says so
HAS_MAIL = bool(env.str("EMAIL_URL", default=""))
globals().update(mail())
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default=f"Judge <noreply@{PUBLIC_HOST}>")

LANGUAGE_CODE = "en-gb"  # 24 hours; our texts are written by hand
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "judgeplatform.staticfiles.AppFilesFinder",
    "judgeplatform.staticfiles.EditorFinder",
    "judgeplatform.staticfiles.SwaggerFinder",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "judgeplatform.staticfiles.HashedFiles"},
}

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}
X_FRAME_OPTIONS = "DENY"

# Pages of other origins may speak the API, with a key or a token; never with a cookie, and they see no page of ours.
CORS_ALLOWED_ORIGINS = env.list("CORS_ALLOWED_ORIGINS", default=[])
CORS_URLS_REGEX = r"^/(api|v1)/"
CORS_ALLOW_CREDENTIALS = False
CORS_ALLOW_METHODS = ("GET", "HEAD", "OPTIONS", "POST")
CORS_ALLOW_HEADERS = (
    "accept",
    "authorization",
    "content-type",
    "idempotency-key",
    "if-none-match",
    "last-event-id",
    "x-code-exec-key",
)
CORS_EXPOSE_HEADERS = (
    "ETag",
    "Idempotency-Replayed",
    "Location",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "WWW-Authenticate",
)

# --- Data ----------------------------------------------------------------------------------------------------

DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'db.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Several processes write at once: WAL lets readers go on, IMMEDIATE makes writers queue up instead of failing.
    DATABASES["default"]["ENGINE"] = "judgeplatform.sqlite"
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA temp_store=MEMORY;",
    }
    DATABASES["default"]["TEST"] = {"NAME": str(VAR_DIR / "test.sqlite3")}
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    # Nothing waits for ever: for a row that somebody has locked, or for a server that has vanished. And nobody who
    # was frozen or has vanished keeps a row locked (the keepalives with tcp_ are the server's, for its clients).
    # What DATABASE_URL itself says, such as `?options=` for a pooler that refuses them, counts.
    DATABASES["default"]["OPTIONS"] = {
        "options": (
            "-c lock_timeout=5000 -c idle_in_transaction_session_timeout=10000"
            " -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
        ),
        "connect_timeout": 5,
        "tcp_user_timeout": 15_000,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
    } | DATABASES["default"].get("OPTIONS", {})

REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0")

RQ_QUEUES = {
    name: {
        "URL": REDIS_URL,
        "DEFAULT_TIMEOUT": 3600,
        "SERIALIZER": "rq.serializers.JSONSerializer",
    }
    for name in ("default", "low")
}
RQ = {"COMMIT_MODE": "auto"}
RQ_SHOW_ADMIN_LINK = False  # its pages let any staff empty the queues, whatever rights they have

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "live"},
    }
}

# --- Judging -------------------------------------------------------------------------------------------------


def backend_urls() -> list[str]:
    """The servers that judge, in the order in which they are tried; set but empty stays empty, a check refuses it."""
    if "JUDGE0_URLS" in os.environ:
        return [url.strip().rstrip("/") for url in env.str("JUDGE0_URLS").split(",") if url.strip()]
    host = env.str("CODE_EXECUTOR_HOST", default="127.0.0.1")
    return [f"http://{host}:{number('CODE_EXECUTOR_PORT', 2358, least=1, most=65535)}"]


def backend_headers(count: int) -> list[dict[str, str]]:
    """Headers for each backend; the two tokens go only to backends whose own headers do not name them."""
    shared = {
        "X-Auth-Token": env.str("JUDGE0_AUTH_TOKEN", default=""),
        "X-Auth-User": env.str("JUDGE0_AUTHZ_TOKEN", default=""),
    }
    result = []
    for n in range(1, count + 1):
        try:
            own = env.json(f"JUDGE0_HEADERS_{n}", default={})
        except ValueError as error:
            raise ImproperlyConfigured(f"JUDGE0_HEADERS_{n} is not JSON.") from error
        if not isinstance(own, dict):
            raise ImproperlyConfigured(f"JUDGE0_HEADERS_{n} must be a JSON object of names and values.")
        named = {name.lower() for name in own}
        result.append(own | {k: v for k, v in shared.items() if v and k.lower() not in named})
    return result


JUDGE0_URLS = backend_urls()
JUDGE0_HEADERS = backend_headers(len(JUDGE0_URLS))
JUDGE0_CONNECT_TIMEOUT_S = number("JUDGE0_CONNECT_TIMEOUT_S", 3.0, least=0.05, most=60)
JUDGE0_READ_TIMEOUT_S = number("JUDGE0_READ_TIMEOUT_S", 20.0, least=0.05, most=600)
JUDGE0_CONNECTIONS = number("JUDGE0_CONNECTIONS", 32, least=1, most=1000)
JUDGE0_RETRIES = number("JUDGE0_RETRIES", 1, least=0, most=5)
# Where backends reach the web, to say that a run has ended; empty: they are only asked.
JUDGE0_CALLBACK_URL = env.str("JUDGE0_CALLBACK_URL", default="").rstrip("/")
JUDGE0_POLL_MIN_S = number("JUDGE0_POLL_MIN_S", 0.02, least=0.001, most=10)
JUDGE0_POLL_MAX_S = number("JUDGE0_POLL_MAX_S", 1.0, least=0.001, most=10)
JUDGE0_MAX_INFLIGHT = number("JUDGE0_MAX_INFLIGHT", 80, least=1, most=100_000)
JUDGE0_BREAKER_FAILURES = number("JUDGE0_BREAKER_FAILURES", 3, least=1, most=1000)
JUDGE0_BREAKER_OPEN_S = number("JUDGE0_BREAKER_OPEN_S", 15.0, least=0.05, most=3600)
JUDGE0_PROBE_EVERY_S = number("JUDGE0_PROBE_EVERY_S", 30.0, least=0, most=86400)
REJUDGE_CONCURRENCY = number("REJUDGE_CONCURRENCY", 1, least=1, most=1000)
JUDGE_WINDOW_MAX = number("JUDGE_WINDOW_MAX", 20, least=1, most=1000)
JUDGE_CONCURRENCY = number("JUDGE_CONCURRENCY", 32, least=1, most=256)
JUDGE_GRACE_S = number("JUDGE_GRACE_S", 25, least=0, most=3600)
# No single call to a backend takes longer (a free connection, a broken one, then the answer and all of it): who waits
# for one must not be taken for hung.
LONGEST_CALL_S = 3 * JUDGE0_CONNECT_TIMEOUT_S + 4 * JUDGE0_READ_TIMEOUT_S
JUDGE_WATCHDOG_S = number("JUDGE_WATCHDOG_S", max(120.0, LONGEST_CALL_S + 10), least=LONGEST_CALL_S)
MAX_QUEUE_AGE_S = number("MAX_QUEUE_AGE", 1800, least=1)
MAX_QUEUE_DEPTH = number("MAX_QUEUE_DEPTH", 1000, least=1)
# How long a run may take, waiting and compiling included; and so any answer that is waited for.
RUN_TIMEOUT_S = number("CODE_EXECUTOR_TIMEOUT", 30_000, least=1000, most=600_000) / 1000
SYNC_WAIT_MAX_S = min(number("SYNC_WAIT_MAX", 20.0, least=0, most=600), RUN_TIMEOUT_S)
SYNC_WAITERS = number("SYNC_WAITERS", 500, least=0, most=100_000)

# --- Caps ----------------------------------------------------------------------------------------------------

MAX_SOURCE_BYTES = number("MAX_SOURCE_BYTES", 64 * 1024, least=1, most=16 * 1024 * 1024)
MAX_TESTCASES = number("MAX_TESTCASES", 500, least=1, most=100_000)
MAX_STDIN_BYTES = number("MAX_STDIN_BYTES", 16 * 1024 * 1024, least=1, most=1024**3)
MAX_RUN_STDIN_BYTES = number("MAX_RUN_STDIN_BYTES", 64 * 1024, least=1, most=16 * 1024 * 1024)
MAX_RUN_TESTCASES = number("MAX_RUN_TESTCASES", 50, least=1, most=1000)
MAX_TOTAL_RUNTIME_S = number("MAX_TOTAL_RUNTIME", 120, least=1, most=86400)
MAX_MEMORY_MIB = number("CODE_EXECUTOR_MAX_MEMORY", 256, least=16, most=2048)
ENABLE_NETWORKING = env.bool("CODE_EXECUTOR_ENABLE_NETWORKING", default=False)
ENABLE_FILESYSTEM = env.bool("CODE_EXECUTOR_ENABLE_FILESYSTEM", default=False)
EXECUTION_TTL_S = number("EXECUTION_TTL", 3600, least=1, most=604800)
EVENT_TTL_S = number("EVENT_TTL", 6 * 3600, least=1)
# JSON may write a byte as six; what is around source and input is small.
MAX_BODY_BYTES = 6 * (MAX_SOURCE_BYTES + MAX_RUN_STDIN_BYTES) + 64 * 1024
# Forms of the admin carry a statement and several programs; testcase files do not count.
DATA_UPLOAD_MAX_MEMORY_SIZE = max(8 * 1024 * 1024, MAX_BODY_BYTES)
# They count for this: a form of the admin, with all files in it.
MAX_UPLOAD_BYTES = number("MAX_UPLOAD_BYTES", 64 * 1024 * 1024, least=DATA_UPLOAD_MAX_MEMORY_SIZE)

RATE_LIMITS = {
    "submit": rate("RATE_LIMIT_SUBMIT", "20/minute"),
    "run": rate("RATE_LIMIT_RUN", "40/minute"),
    "ai": rate("RATE_LIMIT_AI", "20/hour"),
    "ticket": rate("RATE_LIMIT_TICKET", "120/minute"),
    # Of an address: requests to the API without a credential, and with one that is not valid.
    "anonymous": rate("RATE_LIMIT_ANONYMOUS", "120/minute"),
    "bad-credential": rate("RATE_LIMIT_BAD_CREDENTIAL", "120/minute"),
    "sign-in": rate("RATE_LIMIT_SIGN_IN", "10/minute"),
    # A whole class may sit behind one address.
    "sign-in-address": rate("RATE_LIMIT_SIGN_IN_ADDRESS", "120/minute"),
    "sign-up": rate("RATE_LIMIT_SIGN_UP", "20/hour"),
    "password-reset": rate("RATE_LIMIT_PASSWORD_RESET", "5/hour"),
    "password-reset-address": rate("RATE_LIMIT_PASSWORD_RESET_ADDRESS", "60/hour"),
}
RATE_LIMIT_BACKEND = choice("RATE_LIMIT_BACKEND", "redis", ("redis", "locmem"))
CODE_EXEC_KEYS = [key.strip() for key in env.list("CODE_EXEC_KEY", default=[]) if key.strip()]
REQUIRE_CODE_EXEC_KEY = env.bool("REQUIRE_CODE_EXEC_KEY", default=True)

# The OIDC issuer whose tokens are accepted. A Firebase project is one whose addresses are known.
AUTH_JWT_FIREBASE_PROJECT = env.str("AUTH_JWT_FIREBASE_PROJECT", default="")
AUTH_JWT_ISSUER = env.str("AUTH_JWT_ISSUER", default="")
AUTH_JWT_AUDIENCE = env.str("AUTH_JWT_AUDIENCE", default="")
AUTH_JWT_JWKS_URL = env.str("AUTH_JWT_JWKS_URL", default="")
if AUTH_JWT_FIREBASE_PROJECT:
    AUTH_JWT_ISSUER = AUTH_JWT_ISSUER or f"https://securetoken.google.com/{AUTH_JWT_FIREBASE_PROJECT}"
    AUTH_JWT_AUDIENCE = AUTH_JWT_AUDIENCE or AUTH_JWT_FIREBASE_PROJECT
    AUTH_JWT_JWKS_URL = AUTH_JWT_JWKS_URL or (
        "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com"
    )
AUTH_JWT_ALGORITHMS = algorithms("AUTH_JWT_ALGORITHMS", ["RS256", "ES256"])
AUTH_JWT_LEEWAY_S = number("AUTH_JWT_LEEWAY", 60, least=0, most=600)

# Networks that webhooks may reach although they are not public.
WEBHOOK_ALLOWED_NETWORKS = networks("WEBHOOK_ALLOWED_NETWORKS")

# --- The embedded engine -------------------------------------------------------------------------------------

ENGINE_PORT = number("ENGINE_PORT", 2358, least=0, most=65535)
ENGINE_SLOTS = number("ENGINE_SLOTS", 0, least=0, most=1024)
ENGINE_RUN_DIR = env.str("ENGINE_RUN_DIR", default="")
ENGINE_AUTH_TOKEN = env.str("ENGINE_AUTH_TOKEN", default=env.str("JUDGE0_AUTH_TOKEN", default=""))
ENGINE_MAX_QUEUE = number("ENGINE_MAX_QUEUE", 1000, least=1, most=100_000)
ENGINE_RESULT_TTL_S = number("ENGINE_RESULT_TTL", 3600, least=1, most=604800)
ENGINE_CACHE_BYTES = number("ENGINE_CACHE_BYTES", 256 * 1024 * 1024)
ENGINE_ALLOW_REDUCED = env.bool("ENGINE_ALLOW_REDUCED", default=False)
ENGINE_MAY_BE_REDUCED = (ENGINE_ALLOW_REDUCED or DEBUG) and not IS_HTTPS
ENGINE_LANGUAGES = [slug.strip() for slug in env.list("ENGINE_LANGUAGES", default=[]) if slug.strip()]
ENGINE_AUTHZ_TOKEN = env.str("ENGINE_AUTHZ_TOKEN", default="")
ENGINE_CALLBACK_HOSTS = env.str("ENGINE_CALLBACK_HOSTS", default="")
_READ_ABOVE = (
    "PORT SLOTS RUN_DIR AUTH_TOKEN MAX_QUEUE RESULT_TTL CACHE_BYTES ALLOW_REDUCED LANGUAGES AUTHZ_TOKEN"
)
# All others: what clients may ask of the engine, under Judge0's names. It checks them itself, and refuses unknown ones.
ENGINE_TERMS = {
    name: value
    for name, value in env.ENVIRON.items()
    if name.startswith("ENGINE_") and name.removeprefix("ENGINE_") not in _READ_ABOVE.split()
} | {"ENGINE_CALLBACK_HOSTS": ENGINE_CALLBACK_HOSTS}

# --- API and logs --------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.HeaderAuthentication",
        "accounts.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "accounts.permissions.HasScope",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["submissions.parsers.BoundedJSONParser"],
    "EXCEPTION_HANDLER": "judgeplatform.problems.answer",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "DEFAULT_SCHEMA_CLASS": "judgeplatform.openapi.schema.AutoSchema",
    "URL_FORMAT_OVERRIDE": None,  # `Accept` alone says what is wanted
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Judge platform",
    "DESCRIPTION": (BASE_DIR / "judgeplatform/openapi/introduction.md").read_text(),
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SORT_OPERATION_PARAMETERS": False,
    "PREPROCESSING_HOOKS": ["judgeplatform.openapi.schema.without_doubles"],
    "POSTPROCESSING_HOOKS": ["judgeplatform.openapi.schema.complete"],
    "TAGS": [
        {"name": "Questions"},
        {"name": "Submissions", "description": "Programs that are graded, and kept."},
        {"name": "Runs", "description": "Programs that are tried, and forgotten."},
        {"name": "Live"},
        {"name": "Webhooks"},
        {"name": "Platform"},
        {"name": "S0", "description": "For clients of an earlier contract: /v1/…"},
        {"name": "S1", "description": "For clients of an earlier contract: jobs."},
        {
            "name": "S3",
            "description": "For clients of an earlier contract: /api/execution/…, /api/challenges",
        },
        {"name": "S4", "description": "For clients of an earlier contract: /api/v1/executions/…"},
    ],
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": sys.stderr}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    # SQL carries sources and testcase data: it is never logged, whatever LOG_LEVEL says.
    "loggers": {
        "django.db.backends": {"level": "INFO"},
        "rq": {"level": "WARNING"},  # five lines a job; ours tell what was judged
        "daphne": {"level": "WARNING"},
        "urllib3": {"level": "INFO"},  # it would tell whole URLs, secrets of webhooks' receivers included
        "markdown_it": {"level": "INFO"},
    },
}
