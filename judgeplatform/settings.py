"""Every setting, read once from the environment; the defaults run on a fresh machine.

The environment wins over `.env`, which wins over `var/up.env` (what a running `manage.py up` started: its Redis,
its engine). Nothing else in the project reads the environment.
"""

import logging
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from judgeplatform import logs
from judgeplatform.configuration import Configuration, lasting_secret

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = "0.2"  # what CHANGELOG.md calls unreleased will be

CONFIGURATION = env = Configuration(os.environ)
env.read_file(BASE_DIR / ".env")

# --- Where it runs -------------------------------------------------------------------------------------------

env.section("Where it runs")

VAR_DIR = Path(
    env.text(
        "VAR_DIR",
        str(BASE_DIR / "var"),
        "database, keys, Redis's data and log, collected static files, messages that nobody sends",
        shown="`var/`",
        allowed="a directory",
    )
)
env.read_file(VAR_DIR / "up.env")
DEBUG = env.flag("DEBUG", False, "Django's; never in production")
SECRET_KEY = env.secret(
    "SECRET_KEY", "", "Django's; the same for all replicas", shown="made once, in `var/secret_key`"
)
SECRET_KEY_WAS_MADE_HERE = not SECRET_KEY
if SECRET_KEY_WAS_MADE_HERE:
    SECRET_KEY = lasting_secret(VAR_DIR / "secret_key", instead="VAR_DIR or SECRET_KEY")
HOST = env.text("HOST", "127.0.0.1", "where the web listens; in the image on all addresses")
PORT = env.number("PORT", 8000, "where the web listens", least=1, most=65535)
PUBLIC_URL = env.url(
    "PUBLIC_URL",
    f"http://127.0.0.1:{PORT}",
    "where people reach it; with `https://` cookies are Secure and HSTS is on",
    shown="`http://127.0.0.1:PORT`",
)
PUBLIC_HOST = urlsplit(PUBLIC_URL).hostname or "127.0.0.1"
IS_HTTPS = urlsplit(PUBLIC_URL).scheme == "https"
DJANGO_ENV = env.choice(
    "DJANGO_ENV",
    "production" if IS_HTTPS else "development",
    ("production", "development"),
    "`production`: what is unsafe there [is refused at the start](#in-production)",
    shown="`production` where `PUBLIC_URL` is https, else `development`",
)
DJANGO_ENV_IS_GIVEN = env.is_given("DJANGO_ENV")
# Whoever reaches a public address does not care what it is called inside.
IS_PRODUCTION = IS_HTTPS or DJANGO_ENV == "production"

ALLOWED_HOSTS = env.words(
    "ALLOWED_HOSTS",
    [PUBLIC_HOST, "localhost", "127.0.0.1", "[::1]"],
    "names under which the web answers",
    shown="that of `PUBLIC_URL`, and this machine",
)
CSRF_TRUSTED_ORIGINS = env.words(
    "CSRF_TRUSTED_ORIGINS", [PUBLIC_URL], "origins whose forms are accepted", shown="`PUBLIC_URL`"
)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = env.number(
    "SECURE_HSTS_SECONDS",
    31536000 if IS_HTTPS else 0,
    "for how long browsers are to come by https only",
    shown="a year with `https://`, else 0",
)
TRUST_PROXY = env.flag(
    "TRUST_PROXY",
    False,
    "believe the proxy in front, which must set both itself: `X-Forwarded-Proto`, and `X-Forwarded-For` "
    "for the limits by address",
)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUST_PROXY else None
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # HSTS for the hosts beneath ours: they are not ours to speak for
    "security.W008",  # a redirect to https: the proxy's, which takes https; probes and callbacks come without it
    "security.W021",  # HSTS for ever, by browsers' lists: the domain's owner decides
]

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
    "hints",
    "submissions",
    "questions",
    "accounts",
    "execution",
]

MIDDLEWARE = [
    "judgeplatform.access_log.Requests",  # first: every answer has an id
    "judgeplatform.middleware.Measured",  # outside all others: what they refuse counts, too
    "judgeplatform.middleware.let_probes_in",
    "corsheaders.middleware.CorsMiddleware",  # soon: whatever refuses a request, its client may read why
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
    "judgeplatform.middleware.RefusedWhileTheDatabaseFails",  # what a view raises comes here first
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

env.section("People")

SIGNUP = env.choice(
    "SIGNUP",
    "closed",
    ("open", "invite", "closed"),
    "who gets an account alone: everybody (`open`), who has an invitation (`invite`), nobody",
)
PASSWORD_RESET_TIMEOUT = 24 * 3600  # the message says so
EMAIL = env.mail("EMAIL_URL", "where messages are sent", shown="files in `var/mail`, for the operator")
HAS_MAIL = bool(EMAIL)
globals().update(
    EMAIL or {"EMAIL_BACKEND": "accounts.mail.PrivateFiles", "EMAIL_FILE_PATH": str(VAR_DIR / "mail")}
)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text(
    "DEFAULT_FROM_EMAIL",
    f"Judge <noreply@{PUBLIC_HOST}>",
    "whom messages come from",
    shown="`noreply` at the host of `PUBLIC_URL`",
)

LANGUAGE_CODE = "en-gb"  # 24 hours; our texts are written by hand
TIME_ZONE = env.time_zone("TIME_ZONE", "UTC", "of times on pages")
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
CORS_ALLOWED_ORIGINS = env.words(
    "CORS_ALLOWED_ORIGINS",
    [],
    "origins whose pages may speak the API with a key or a token (never with a cookie), such as "
    "`https://app.example.org`",
)
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
    "x-request-id",
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
    "X-Request-Id",
)

# --- Data ----------------------------------------------------------------------------------------------------

env.section("Data")

DATABASES = {
    "default": env.database(
        "DATABASE_URL",
        f"sqlite:///{VAR_DIR / 'db.sqlite3'}",
        "`postgres://user:password@host:5432/name` in production; a pooler that refuses options at the start needs "
        "`?options=`",
        shown="SQLite in `var/`",
    )
}
DATABASE_IDLE_CONNECTIONS = env.number(
    "DATABASE_IDLE_CONNECTIONS",
    8,
    "connections to PostgreSQL that a process keeps, for a minute, when nobody needs them just now; 0: each is made "
    "anew. There are never more than have been in use at once",
    least=0,
    most=1000,
)
IS_SQLITE = DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3"
if IS_SQLITE:
    # Several processes write at once: WAL lets readers go on, IMMEDIATE makes writers queue up instead of failing.
    DATABASES["default"]["ENGINE"] = "judgeplatform.sqlite"
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA temp_store=MEMORY;",
    }
    DATABASES["default"]["TEST"] = {"NAME": str(VAR_DIR / "test.sqlite3")}
else:
    DATABASES["default"]["ENGINE"] = "judgeplatform.postgresql"
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"]["IDLE_CONNECTIONS"] = DATABASE_IDLE_CONNECTIONS
    # Nothing waits for ever: for a row that somebody has locked, or for a server that has vanished. And nobody who
    # was frozen or has vanished keeps a row locked (the keepalives with tcp_ are the server's, for its clients).
    # What DATABASE_URL itself says, such as `?options=` for a pooler that refuses them, counts.
    DATABASES["default"]["OPTIONS"] = {
        "options": (
            "-c lock_timeout=5000 -c idle_in_transaction_session_timeout=10000"
            " -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
            " -c TimeZone=UTC"  # so that Django need not say it to each
        ),
        "connect_timeout": 5,
        "tcp_user_timeout": 15_000,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
    } | DATABASES["default"].get("OPTIONS", {})

REDIS_URL = env.redis(
    "REDIS_URL",
    "redis://127.0.0.1:6379/0",
    "queue, live messages, limits, runs' code",
    shown="`up` starts one; else `redis://127.0.0.1:6379/0`",
)

RQ_QUEUES = {
    name: {
        "URL": REDIS_URL,
        "DEFAULT_TIMEOUT": 3600,
        "SERIALIZER": "rq.serializers.JSONSerializer",
    }
    for name in ("default", "low", "hints")
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

env.section("Servers that judge", "Calls to a server, and how it is left alone when it does not answer.")


def ranked_backends() -> list[list[str]]:
    """Equals together, in the order in which they are tried; set but empty stays empty, a check refuses it."""
    host = env.text("CODE_EXECUTOR_HOST", "127.0.0.1", "the one server, where `JUDGE0_URLS` is not set")
    port = env.number("CODE_EXECUTOR_PORT", 2358, "its port", least=1, most=65535)
    ranks = env.words(
        "JUDGE0_URLS",
        [f"http://{host}:{port}"],
        "servers that speak Judge0's API, tried in order; `|` instead of a comma joins equals, of which the one "
        "with the fewest runs is tried first",
        shown="`up` starts the engine; else by `CODE_EXECUTOR_HOST` and `CODE_EXECUTOR_PORT`",
        empty_counts=True,
    )
    return [[url.strip().rstrip("/") for url in rank.split("|") if url.strip()] for rank in ranks]


JUDGE0_URLS = [url for equals in ranked_backends() for url in equals]
JUDGE0_RANKS = [rank for rank, equals in enumerate(ranked_backends()) for _ in equals]
JUDGE0_AUTH_TOKEN = env.secret("JUDGE0_AUTH_TOKEN", "", "sent as `X-Auth-Token`")
JUDGE0_AUTHZ_TOKEN = env.secret("JUDGE0_AUTHZ_TOKEN", "", "sent as `X-Auth-User`")


def backend_headers() -> list[dict[str, str]]:
    """Headers for each backend; the two tokens go only to backends whose own headers do not name them."""
    shared = {"X-Auth-Token": JUDGE0_AUTH_TOKEN, "X-Auth-User": JUDGE0_AUTHZ_TOKEN}
    result = []
    for own in env.secret_objects(
        "JUDGE0_HEADERS_<n>",
        len(JUDGE0_URLS),
        "headers of the n-th of all `JUDGE0_URLS` (from 1, as they are written), such as a hosted server's key",
        of="JUDGE0_URLS",
    ):
        named = {name.lower() for name in own}
        result.append(own | {k: v for k, v in shared.items() if v and k.lower() not in named})
    return result


JUDGE0_HEADERS = backend_headers()
JUDGE0_CONNECT_TIMEOUT_S = env.number(
    "JUDGE0_CONNECT_TIMEOUT_S", 3.0, "seconds to connect, of every call", least=0.05, most=60
)
JUDGE0_READ_TIMEOUT_S = env.number(
    "JUDGE0_READ_TIMEOUT_S",
    20.0,
    "seconds for an answer to begin, of every call; all of it may take twice as long",
    least=0.05,
    most=600,
)
JUDGE0_CONNECTIONS = env.number(
    "JUDGE0_CONNECTIONS", 32, "connections to one server at once, per process", least=1, most=1000
)
JUDGE0_RETRIES = env.number(
    "JUDGE0_RETRIES",
    1,
    "how often a request is sent again whose connection broke (never after a time-out or a 5xx)",
    least=0,
    most=5,
)
JUDGE0_CALLBACK_URL = env.text(
    "JUDGE0_CALLBACK_URL",
    "",
    "where servers reach the web to say that a run has ended, such as `http://web:8000`; its host must be among "
    "`ALLOWED_HOSTS`. Without it they are only asked",
    allowed="`http://…` or `https://…`",
).rstrip("/")
JUDGE0_POLL_MIN_S = env.number(
    "JUDGE0_POLL_MIN_S",
    0.02,
    "the shortest pause, in seconds, before results are asked for again",
    least=0.001,
    most=10,
)
JUDGE0_POLL_MAX_S = env.number("JUDGE0_POLL_MAX_S", 1.0, "the longest such pause", least=0.001, most=10)
JUDGE0_MAX_INFLIGHT = env.number(
    "JUDGE0_MAX_INFLIGHT", 80, "runs at one server at once, of all workers together", least=1, most=100_000
)
JUDGE0_BREAKER_FAILURES = env.number(
    "JUDGE0_BREAKER_FAILURES", 3, "after so many failures in a row a server is left alone", least=1, most=1000
)
JUDGE0_BREAKER_OPEN_S = env.number(
    "JUDGE0_BREAKER_OPEN_S", 15.0, "for so many seconds after each failure", least=0.05, most=3600
)
JUDGE0_PROBE_EVERY_S = env.number(
    "JUDGE0_PROBE_EVERY_S",
    30.0,
    "seconds between two probes of a server in a language; 0: none. At a hosted server that counts calls or keeps what "
    "it is sent, set it high: a probe is two submissions",
    least=0,
    most=86400,
)

env.section("Judging")

REJUDGE_CONCURRENCY = env.number(
    "REJUDGE_CONCURRENCY",
    1,
    "submissions at one server at once that come after learners' (rejudges, verification)",
    least=1,
    most=1000,
)
JUDGE_WINDOW_MAX = env.number(
    "JUDGE_WINDOW_MAX",
    20,
    "cases of one submission at a judge at once; 1 is strictly one after the other",
    least=1,
    most=1000,
)
JUDGE_CONCURRENCY = env.number(
    "JUDGE_CONCURRENCY",
    32,
    "submissions that one worker process judges at once",
    least=1,
    most=256,
    shown="32 (`up`: 4)",
)
JUDGE_GRACE_S = env.number(
    "JUDGE_GRACE_S",
    25,
    "for how many seconds a stopping worker lets judgings finish before it gives them back",
    least=0,
    most=3600,
)
WORKER_HTTP_HOST = env.text(
    "WORKER_HTTP_HOST",
    "127.0.0.1",
    "where a worker listens with `WORKER_HTTP_PORT`; it asks for no credential, so nobody from outside may get there",
    shown="`127.0.0.1`; in images `0.0.0.0`",
)
WORKER_HTTP_PORT = env.number(
    "WORKER_HTTP_PORT",
    0,
    "the port at which a worker serves `/healthz`, `/readyz` and `/metrics`; 0: none. Under `up` the first worker "
    "takes it, the second one the next",
    most=65534,
    shown="0; in images 9100",
)
# No single call to a backend takes longer (a free connection, a broken one, then the answer and all of it): who waits
# for one must not be taken for hung.
LONGEST_CALL_S = 3 * JUDGE0_CONNECT_TIMEOUT_S + 4 * JUDGE0_READ_TIMEOUT_S
JUDGE_WATCHDOG_S = env.number(
    "JUDGE_WATCHDOG_S",
    max(120.0, LONGEST_CALL_S + 10),
    "after so many seconds without any progress a judging hangs: its submission is judged elsewhere, and its worker "
    "ends to be started anew",
    least=LONGEST_CALL_S,
    shown="120, more where a call to a server may take longer",
    allowed="as long as the longest call, or more",
)
MAX_QUEUE_AGE_S = env.number(
    "MAX_QUEUE_AGE",
    1800,
    "seconds without any usable judge after which a submission ends in an error",
    least=1,
)
MAX_QUEUE_DEPTH = env.number(
    "MAX_QUEUE_DEPTH",
    1000,
    "submissions and runs of learners that may be in line, and as many in each language that wait for a server; "
    "beyond that, new ones are refused (503)",
    least=1,
)
# How long a run may take, waiting and compiling included; and so any answer that is waited for.
RUN_TIMEOUT_S = (
    env.number(
        "CODE_EXECUTOR_TIMEOUT",
        30_000,
        "milliseconds that a run may take, waiting and compiling included; then it ends with the reason `timeout`. "
        "What is graded may wait longer",
        least=1000,
        most=600_000,
    )
    / 1000
)
SYNC_WAIT_MAX_S = min(
    env.number(
        "SYNC_WAIT_MAX",
        20.0,
        "seconds that `?wait=true` waits at most; never longer than `CODE_EXECUTOR_TIMEOUT`",
        least=0,
        most=600,
    ),
    RUN_TIMEOUT_S,
)
SYNC_WAITERS = env.number(
    "SYNC_WAITERS",
    500,
    "answers that one web process keeps back at once for `?wait=true` and long polling; others get the 202 at once",
    least=0,
    most=100_000,
)

# --- Caps ----------------------------------------------------------------------------------------------------

env.section("Caps")

MAX_SOURCE_BYTES = env.number(
    "MAX_SOURCE_BYTES", 64 * 1024, "bytes of a program", least=1, most=16 * 1024 * 1024
)
MAX_TESTCASES = env.number("MAX_TESTCASES", 500, "testcases of a question", least=1, most=100_000)
MAX_STDIN_BYTES = env.number(
    "MAX_STDIN_BYTES", 16 * 1024 * 1024, "bytes of a testcase's input", least=1, most=1024**3
)
MAX_RUN_STDIN_BYTES = env.number(
    "MAX_RUN_STDIN_BYTES", 64 * 1024, "bytes of a learner's own input", least=1, most=16 * 1024 * 1024
)
MAX_RUN_TESTCASES = env.number(
    "MAX_RUN_TESTCASES",
    50,
    "testcases that may come with one run, by `/v1/judge` and `/api/execution/test`",
    least=1,
    most=1000,
)
MAX_TOTAL_RUNTIME_S = env.number(
    "MAX_TOTAL_RUNTIME", 120, "seconds of CPU time for all cases of a submission", least=1, most=86400
)
MAX_MEMORY_MIB = env.number(
    "CODE_EXECUTOR_MAX_MEMORY",
    256,
    "MiB for runs without a question, and where a new question begins",
    least=16,
    most=2048,
)
CODE_EXECUTOR_MAX_CPU = env.number(
    "CODE_EXECUTOR_MAX_CPU",
    80,
    "per cent of CPU at which the manifests in `deploy/k8s` let the workers be more",
    least=1,
    most=100,
)
CODE_EXECUTOR_DOCKER_IMAGE = env.text(
    "CODE_EXECUTOR_DOCKER_IMAGE",
    "judgeplatform-engine",
    "the image of what executes programs, the embedded engine, in `docker-compose.yml` and `deploy/k8s`",
    allowed="`name` or `registry/name:tag`",
)
ENABLE_NETWORKING = env.flag(
    "CODE_EXECUTOR_ENABLE_NETWORKING",
    False,
    "let runs without a question reach the network, at Judge0 servers that allow it; the embedded engine never does",
)
ENABLE_FILESYSTEM = env.flag(
    "CODE_EXECUTOR_ENABLE_FILESYSTEM",
    False,
    "without effect: runs bring no files along, and write none larger than what they may print",
)
EXECUTION_TTL_S = env.number(
    "EXECUTION_TTL", 3600, "seconds for which a run's code and output are kept", least=1, most=604800
)
EVENT_TTL_S = env.number(
    "EVENT_TTL", 6 * 3600, "seconds for which a finished submission's events are kept", least=1
)
_KEPT = "days for which {} is kept; 0: for ever"
RETENTION_DAYS = {
    "runs": env.number("RETENTION_RUNS_DAYS", 30, _KEPT.format("that a run was made"), most=36500),
    "outputs": env.number(
        "RETENTION_OUTPUTS_DAYS", 180, _KEPT.format("what graded programs printed"), most=36500
    ),
    "submissions": env.number(
        "RETENTION_SUBMISSIONS_DAYS", 0, _KEPT.format("every graded submission, with all of it"), most=36500
    ),
    "hints": env.number(
        "RETENTION_HINTS_DAYS", 180, _KEPT.format("each hint and review that was given"), most=36500
    ),
    "webhooks": env.number(
        "RETENTION_WEBHOOKS_DAYS", 30, _KEPT.format("what became of webhooks"), most=36500
    ),
    "keys": env.number(
        "RETENTION_KEYS_DAYS", 90, _KEPT.format("each void API key and invitation"), most=36500
    ),
    "admin_log": env.number(
        "RETENTION_ADMIN_LOG_DAYS", 365, _KEPT.format("who changed what in the admin"), most=36500
    ),
}
# JSON may write a byte as six; what is around source and input is small.
MAX_BODY_BYTES = 6 * (MAX_SOURCE_BYTES + MAX_RUN_STDIN_BYTES) + 64 * 1024
# Forms of the admin carry a statement and several programs; testcase files do not count.
DATA_UPLOAD_MAX_MEMORY_SIZE = max(8 * 1024 * 1024, MAX_BODY_BYTES)
# They count for this: a form of the admin, with all files in it.
MAX_UPLOAD_BYTES = env.number(
    "MAX_UPLOAD_BYTES",
    64 * 1024 * 1024,
    "bytes of one form of the admin with all testcase files in it",
    least=DATA_UPLOAD_MAX_MEMORY_SIZE,
    allowed="8388608 or more; more where programs may be large",
)
MAX_PACKAGE_BYTES = env.number(
    "MAX_PACKAGE_BYTES",
    2 * 1024**3,
    "bytes of all files of a problem package, unpacked; a link counts as much as what it names",
    least=1024 * 1024,
    most=64 * 1024**3,
)

env.section("Limits", "A rate is a number from 1 on for a time: `20/minute`, `5/hour`, `1000/day`.")

RATE_LIMITS = {
    "submit": env.rate("RATE_LIMIT_SUBMIT", "20/minute", "submissions of a user"),
    "run": env.rate("RATE_LIMIT_RUN", "40/minute", "runs of a user"),
    "ai": env.rate("RATE_LIMIT_AI", "20/hour", "hints, reviews and analyses of a user"),
    "export": env.rate("RATE_LIMIT_EXPORT", "5/hour", "files with all that is kept of a user"),
    "ticket": env.rate("RATE_LIMIT_TICKET", "120/minute", "tickets of a user for websockets and streams"),
    "anonymous": env.rate(
        "RATE_LIMIT_ANONYMOUS",
        "120/minute",
        "requests to the API without a credential, from an address (of IPv6: a /64); beyond that 429 instead of 401",
    ),
    "bad-credential": env.rate(
        "RATE_LIMIT_BAD_CREDENTIAL",
        "120/minute",
        "the same, with a credential that is not valid; good ones are let in nevertheless",
    ),
    "sign-in": env.rate("RATE_LIMIT_SIGN_IN", "10/minute", "attempts to sign in under a name"),
    "sign-in-address": env.rate(
        "RATE_LIMIT_SIGN_IN_ADDRESS",
        "120/minute",
        "the same from an address: a whole class may sit behind one",
    ),
    "sign-up": env.rate(
        "RATE_LIMIT_SIGN_UP",
        "20/hour",
        "accounts made from one address; set it higher for a class behind one",
    ),
    "password-reset": env.rate(
        "RATE_LIMIT_PASSWORD_RESET", "5/hour", "links for a new password to one e-mail address"
    ),
    "password-reset-address": env.rate(
        "RATE_LIMIT_PASSWORD_RESET_ADDRESS", "60/hour", "the same asked for from one network address"
    ),
}
RATE_LIMIT_BACKEND = env.choice(
    "RATE_LIMIT_BACKEND",
    "redis",
    ("redis", "locmem"),
    "`locmem` counts in one process only, for development without Redis; refused without `DEBUG`",
)

env.section("Machines and other sign-ins", "[docs/accounts.md](accounts.md) tells all of it.")

CODE_EXEC_KEYS = env.words(
    "CODE_EXEC_KEY",
    [],
    "keys for machines, header `X-Code-Exec-Key`",
    shown="`up` makes one, in `var/code_exec_key`; else none",
    is_secret=True,
)
REQUIRE_CODE_EXEC_KEY = env.flag(
    "REQUIRE_CODE_EXEC_KEY",
    True,
    "what is for machines only needs a key with the scope `judge`; false, only with `DEBUG`: whoever has signed in "
    "will do",
)

# The OIDC issuer whose tokens are accepted. A Firebase project is one whose addresses are known.
AUTH_JWT_FIREBASE_PROJECT = env.text(
    "AUTH_JWT_FIREBASE_PROJECT", "", "a Firebase project's id says the three below"
)
AUTH_JWT_ISSUER = env.text(
    "AUTH_JWT_ISSUER", "", "the OIDC issuer whose tokens (`Authorization: Bearer …`) are accepted"
)
AUTH_JWT_AUDIENCE = env.text("AUTH_JWT_AUDIENCE", "", "for whom its tokens must be")
AUTH_JWT_JWKS_URL = env.text(
    "AUTH_JWT_JWKS_URL", "", "where its keys are fetched. All three or none", allowed="`https://…`"
)
if AUTH_JWT_FIREBASE_PROJECT:
    AUTH_JWT_ISSUER = AUTH_JWT_ISSUER or f"https://securetoken.google.com/{AUTH_JWT_FIREBASE_PROJECT}"
    AUTH_JWT_AUDIENCE = AUTH_JWT_AUDIENCE or AUTH_JWT_FIREBASE_PROJECT
    AUTH_JWT_JWKS_URL = AUTH_JWT_JWKS_URL or (
        "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com"
    )
# Only such whose keys are pairs, so that nobody can sign with a public key.
SIGNATURES = {f"{kind}{size}" for kind in ("RS", "ES", "PS") for size in (256, 384, 512)} | {"EdDSA"}
AUTH_JWT_ALGORITHMS = env.words(
    "AUTH_JWT_ALGORITHMS",
    ["RS256", "ES256"],
    "signatures that are accepted",
    known=SIGNATURES,
)
AUTH_JWT_LEEWAY_S = env.number(
    "AUTH_JWT_LEEWAY", 60, "seconds by which the issuer's clock may differ", least=0, most=600
)

WEBHOOK_ALLOWED_NETWORKS = env.networks(
    "WEBHOOK_ALLOWED_NETWORKS", "networks that webhooks may reach although they are not public"
)

# --- Hints ---------------------------------------------------------------------------------------------------

env.section(
    "Hints",
    "Without a key, rules answer; [docs/hints.md](hints.md#with-a-language-model) tells what is sent to whom with one.",
)

HINTS_PROVIDER = env.choice(
    "HINTS_PROVIDER",
    "auto",
    ("auto", "anthropic", "openai", "none"),
    "whose language model writes hints and reviews; `auto`: the first one with a key, Anthropic before OpenAI; "
    "`none`: rules, whatever keys there are",
)
ANTHROPIC_API_KEY = env.secret("ANTHROPIC_API_KEY", "", "lets Anthropic's models be asked, at its cost")
ANTHROPIC_MODEL = env.text("ANTHROPIC_MODEL", "claude-haiku-5-5", "which of them")
ANTHROPIC_BASE_URL = env.text(
    "ANTHROPIC_BASE_URL",
    "https://api.anthropic.com",
    "where they are asked, such as a gateway of yours",
    allowed="`http://…` or `https://…`",
)
OPENAI_API_KEY = env.secret("OPENAI_API_KEY", "", "lets OpenAI's models be asked, at its cost")
OPENAI_MODEL_DEFAULT = "gpt-5.4-mini"
OPENAI_MODEL = env.text(
    "OPENAI_MODEL", OPENAI_MODEL_DEFAULT, "which of them; or one of the server's at `OPENAI_BASE_URL`"
)
OPENAI_BASE_URL_DEFAULT = "https://api.openai.com/v1"
OPENAI_BASE_URL = env.text(
    "OPENAI_BASE_URL",
    OPENAI_BASE_URL_DEFAULT,
    "where they are asked: any server that speaks OpenAI's chat completions; elsewhere than at OpenAI the key may be "
    "empty",
    allowed="`http://…` or `https://…`, with its path, such as `http://127.0.0.1:8080/v1`",
)
HINTS_TIMEOUT_S = env.number(
    "HINTS_TIMEOUT_S",
    12.0,
    "seconds for a model's whole answer, one retry included; then rules answer. Where it is refused, a second one has "
    "as long again",
    least=0.1,
    most=40,
)
HINTS_MAX_TOKENS = env.number(
    "HINTS_MAX_TOKENS",
    4000,
    "tokens of an answer, those that a model only thinks included",
    least=200,
    most=32_000,
)
HINTS_CONCURRENCY = env.number(
    "HINTS_CONCURRENCY", 8, "hints and reviews that one hints' worker makes at once", least=1, most=256
)

# --- The embedded engine -------------------------------------------------------------------------------------

env.section(
    "The embedded engine",
    "What its clients may ask of it is set by `ENGINE_` and Judge0's name, such as `ENGINE_MAX_CPU_TIME_LIMIT`: "
    "[docs/engine.md](engine.md#settings) has that list.",
)

ENGINE_PORT = env.number(
    "ENGINE_PORT", 2358, "where the engine alone listens; 0: any free port", least=0, most=65535
)
ENGINE_SLOTS = env.number("ENGINE_SLOTS", 0, "programs that run at once; 0: one per CPU", least=0, most=1024)
ENGINE_RUN_DIR = env.text(
    "ENGINE_RUN_DIR",
    "",
    "where the engine keeps what sandboxes see",
    shown="a fresh one in `/run` or `/tmp`",
    allowed="a directory",
)
ENGINE_AUTH_TOKEN = env.secret(
    "ENGINE_AUTH_TOKEN",
    JUDGE0_AUTH_TOKEN,
    "what the engine demands as `X-Auth-Token`; several between blanks",
    shown="`JUDGE0_AUTH_TOKEN`",
)
ENGINE_AUTHZ_TOKEN = env.secret(
    "ENGINE_AUTHZ_TOKEN",
    "",
    "what it demands as `X-Auth-User` for listing and deleting submissions; without it nobody lists",
)
ENGINE_MAX_QUEUE = env.number("ENGINE_MAX_QUEUE", 1000, "submissions that wait", least=1, most=100_000)
ENGINE_RESULT_TTL_S = env.number(
    "ENGINE_RESULT_TTL", 3600, "seconds for which results are kept", least=1, most=604800
)
ENGINE_CACHE_BYTES = env.number(
    "ENGINE_CACHE_BYTES", 256 * 1024 * 1024, "bytes of compiled programs that are kept"
)
ENGINE_ALLOW_REDUCED = env.flag(
    "ENGINE_ALLOW_REDUCED",
    False,
    "whether the engine may do with less isolation where no namespaces can be made: "
    "[docs/engine.md](engine.md#reduced-mode)",
    shown="false; `up` on loopback: true",
)
ENGINE_MAY_BE_REDUCED = (ENGINE_ALLOW_REDUCED or DEBUG) and not IS_PRODUCTION
ENGINE_LANGUAGES = env.words(
    "ENGINE_LANGUAGES",
    [],
    "what the engine offers, such as `c,cpp,python`: [docs/engine.md](engine.md#languages)",
    shown="all that work",
)
ENGINE_CALLBACK_HOSTS = env.text(
    "ENGINE_CALLBACK_HOSTS",
    "",
    "hosts that programs' `callback_url` may name: `host`, `host:port`, `*` for any; for `JUDGE0_CALLBACK_URL` "
    "its host",
)
# All others: what clients may ask of the engine, under Judge0's names. It checks them itself, and refuses unknown ones.
ENGINE_TERMS = env.others("ENGINE_") | {"ENGINE_CALLBACK_HOSTS": ENGINE_CALLBACK_HOSTS}

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

env.section("Logs and measurements")

METRICS_TOKEN = env.secret(
    "METRICS_TOKEN",
    "",
    "who shows it as `Authorization: Bearer …` may read `/metrics` at the web; staff may anyway",
)
PROMETHEUS_MULTIPROC_DIR = env.text(
    "PROMETHEUS_MULTIPROC_DIR",
    "",
    "where several web processes of one address count together; "
    "[docs/metrics.md](metrics.md#several-processes-behind-one-address) tells how",
    allowed="an empty directory",
)
if not PROMETHEUS_MULTIPROC_DIR:
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)  # prometheus_client asks only whether the name is there
elif not Path(PROMETHEUS_MULTIPROC_DIR).is_dir():
    raise ImproperlyConfigured("PROMETHEUS_MULTIPROC_DIR must be a directory that is there.")

LOG_LEVEL = env.choice(
    "LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), "what is less is not logged"
)

LOG_FORMAT = env.choice(
    "LOG_FORMAT",
    "text" if sys.stderr.isatty() else "json",
    logs.FORMATS,
    "`json`: one object a line; `text`: lines for people",
    shown="`text` in a terminal, else `json`",
)
LOGGING_CONFIG = "judgeplatform.logs.configure"
LOGGING = logs.configuration(LOG_FORMAT, LOG_LEVEL)

DJANGO_STRUCTLOG_STATUS_DEFAULT_LOG_LEVEL = logging.DEBUG  # `access_log` has a line of its own at the end
DJANGO_STRUCTLOG_STATUS_4XX_LOG_LEVEL = DJANGO_STRUCTLOG_STATUS_5XX_LOG_LEVEL = logging.DEBUG
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True  # `access_log` has looked at it
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
