"""Who may do what at every address: the callers, what they would like to get at, and the table of what they get.

    LINES     by the shape of a route (`tests.routes`), what is asked for there and by which rule it is answered
    SOCKETS   the same of websockets
    CALLERS   who asks: nobody, people, keys and tokens, good and bad

A rule says of a caller: let in, or the status of the refusal. Rules are written here a second time, by hand: nothing
of `accounts.permissions` is used.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts import keys, tickets
from accounts.models import CODE_EXEC, ApiKey, Identity, Invitation, User
from execution import languages, wakeups
from questions.models import Blob, Question, QuestionFile, Tag
from submissions import judging, webhooks
from submissions.models import Receipt, RejudgeSet, Submission
from tests.connected import session_cookie
from tests.factories import make_author, make_hint, make_question, make_solution, make_user, service_user
from tests.issuer import Issuer, private_key
from tests.routes import Route
from tests.stepwise import Stepwise, run

ADD = "a, b = map(int, input().split())\nprint(a + b)\n"
FOREIGN = "https://evil.example"
LET_IN = 0
TO_SIGN_IN = 302

READ, SUBMIT, JUDGE, TESTS_READ, POWER = "read", "submit", "judge", "tests:read", "admin"
LEARNER = frozenset({READ, SUBMIT})
ALL = frozenset({READ, SUBMIT, JUDGE, TESTS_READ, POWER})


# --- What there is to get at -----------------------------------------------------------------------------------


@dataclass
class World:
    """All of it is `owner`'s, but for `of_machine`: a submission of the user of CODE_EXEC_KEY."""

    issuer: Issuer
    users: dict[str, User] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.users = {
            "owner": make_user("owner"),
            "other": make_user("other"),
            "author": make_author("author"),
            "idle": make_user("idle", is_staff=True),
            "administrator": make_user("administrator", is_staff=True, is_superuser=True),
            "blocked": make_user("blocked"),
            "machine": service_user(CODE_EXEC),
        }
        owner = self.users["owner"]
        self.question = make_question(slug="published")
        self.draft = make_question(slug="draft", state=Question.State.DRAFT)
        for question in (self.question, self.draft):
            for kind in QuestionFile.Kind:
                question.files.create(kind=kind, path=f"{kind}.png", blob=Blob.store(b"of a package"))
        self.solution = make_solution(self.question)
        self.tag = Tag.objects.create(name="arithmetic")
        self.submission = self._submitted(owner)
        Stepwise(self.submission).to_the_end()
        self.waiting = self._submitted(owner)
        self.of_machine = self._submitted(self.users["machine"])
        self.run = run(owner)
        self.key, self.key_text = keys.make(user=owner, name="to be revoked", scopes=[READ])
        self.receipt = Receipt.objects.create(
            user=owner, key="sent/once", request_hash="", submission=self.submission, answer={}
        )
        self.webhook = webhooks.add(self.waiting, "https://example.org/told")
        self.invitation = Invitation.objects.create(code="come in")
        self.hint = make_hint(owner, self.question)
        self.rejudge_set = RejudgeSet.objects.create(question=self.question)
        self.identity = Identity.objects.create(user=owner, issuer=self.issuer.url, subject="owner")
        User.objects.filter(pk=self.users["blocked"].pk).update(is_active=False)

    def _submitted(self, user: User) -> Submission:
        python = languages.get("python")
        return judging.submit(user=user, question=self.question, language=python, source=ADD)

    def key_of(self, name: str, *scopes: str, **fields: Any) -> str:
        key, text = keys.make(user=self.users[name], name="of a test", scopes=scopes)
        ApiKey.objects.filter(pk=key.pk).update(**fields)
        return text


# --- Who asks --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Caller:
    """`shows` gives the headers (as in `tests.connected`); `query` what else is in a connection's address.

    `scopes` is what they should be worth, None where they are worth nothing. `is_foreign`: a page of another site,
    which has the user's cookie but not the token against forged requests.
    """

    user: str
    scopes: frozenset[str] | None
    shows: Callable[[World], dict[str, str]]
    has_session: bool = False
    is_foreign: bool = False
    query: Callable[[World], str] = lambda world: ""

    @property
    def is_owner(self) -> bool:
        return self.user == "owner"

    @property
    def is_author(self) -> bool:
        """May change questions, and see everybody's submissions."""
        return self.user in ("author", "administrator")

    @property
    def sees_drafts(self) -> bool:
        return self.is_author and bool({POWER, TESTS_READ} & (self.scopes or set()))

    @property
    def sees_everybodys(self) -> bool:
        return self.is_author and POWER in (self.scopes or set())


def session(user: str, scopes: frozenset[str] | None, **more: Any) -> Caller:
    return Caller(
        user,
        scopes,
        lambda world: {"cookie": session_cookie(world.users[user])},
        has_session=scopes is not None,
        **more,
    )


def key(user: str, *scopes: str, is_good: bool = True, **fields: Any) -> Caller:
    return Caller(
        user if is_good else "",
        frozenset(scopes) if is_good else None,
        lambda world: {"authorization": f"Api-Key {world.key_of(user, *scopes, **fields)}"},
    )


def token(user: str, subject: str, is_good: bool = True, **how: Any) -> Caller:
    return Caller(
        user if is_good else "",
        LEARNER if is_good else None,
        lambda world: {"authorization": f"Bearer {world.issuer.token(subject, **how)}"},
    )


def ticket(user: str, scopes: frozenset[str], is_good: bool = True) -> Caller:
    def query(world: World) -> str:
        text = tickets.issue(user_id=world.users[user].pk, scopes=scopes)  # type: ignore[arg-type]
        if not is_good:
            tickets.redeem(text)
        return f"token={text}"

    return Caller(user if is_good else "", scopes if is_good else None, lambda world: {}, query=query)


LONG_AGO = timezone.now() - timedelta(days=1)

CALLERS = {
    "nobody": Caller("", None, lambda world: {}),
    "a learner": session("owner", LEARNER),
    "a learner on a foreign page": session("owner", LEARNER, is_foreign=True),
    "another learner": session("other", LEARNER),
    "an author": session("author", ALL),
    "staff without rights": session("idle", ALL),
    "an administrator": session("administrator", ALL),
    "a blocked user": session("blocked", None),
    "a learner's key to submit": key("owner", SUBMIT),
    "a learner's key to read": key("owner", READ),
    "another learner's key": key("other", SUBMIT, READ),
    "an author's key to read": key("author", READ),
    "an author's key to tests": key("author", TESTS_READ),
    "an author's key to read and to tests": key("author", READ, TESTS_READ),
    "an administrator's key to judge": key("administrator", JUDGE),
    "an administrator's key of power alone": key("administrator", POWER),
    "an administrator's key": key("administrator", *ALL),
    "a key that has expired": key("owner", SUBMIT, READ, is_good=False, expires_at=LONG_AGO),
    "a key that was revoked": key("owner", SUBMIT, READ, is_good=False, revoked_at=LONG_AGO),
    "a key of a blocked user": key("blocked", SUBMIT, READ, is_good=False),
    "a machine": Caller(
        "machine", frozenset({SUBMIT, READ, JUDGE}), lambda world: {"x_code_exec_key": "key-two"}
    ),
    "a machine with a wrong key": Caller("", None, lambda world: {"x_code_exec_key": "key-three"}),
    "a learner's token": token("owner", "owner"),
    "a stranger's token": token("new", "somebody new"),
    "a token that has expired": token("owner", "owner", is_good=False, exp=1),
    "a token that was forged": token("owner", "owner", is_good=False, key=private_key("forger")),
}
BY_TICKET = {
    "a learner's ticket": ticket("owner", LEARNER),
    "another learner's ticket": ticket("other", LEARNER),
    "a ticket of somebody who may only submit": ticket("owner", frozenset({SUBMIT})),
    "a ticket that was used": ticket("owner", LEARNER, is_good=False),
}
"""What opens websockets and streams only."""


# --- Rules -----------------------------------------------------------------------------------------------------

Rule = Callable[[Caller], int]


def anybody(caller: Caller) -> int:
    return LET_IN


def nothing_there(caller: Caller) -> int:
    return 404


def own(caller: Caller) -> bool:
    """Made by oneself, or by anybody for those who see everybody's."""
    return caller.is_owner or caller.sees_everybodys


def mine(caller: Caller) -> bool:
    return caller.is_owner


def drafts(caller: Caller) -> bool:
    return caller.sees_drafts


def of_machine(caller: Caller) -> bool:
    return caller.user == "machine" or caller.sees_everybodys


def staff(caller: Caller) -> bool:
    return caller.user in ("idle", "author", "administrator")


def everybody(caller: Caller) -> bool:
    return True


def needs(
    scope: str, of: Callable[[Caller], bool] = everybody, who: Callable[[Caller], bool] = everybody
) -> Rule:
    """Of the API: 401 without a credential, 403 without the scope or for who is no `who`, 404 for what is not `of`."""

    def status(caller: Caller) -> int:
        if caller.scopes is None:
            return 401
        if scope not in caller.scopes or not who(caller):
            return 403
        return LET_IN if of(caller) else 404

    return status


def signed_in(of: Callable[[Caller], bool] = everybody) -> Rule:
    """Of pages, to which keys and tokens are nothing."""

    def status(caller: Caller) -> int:
        if not caller.has_session:
            return TO_SIGN_IN
        return LET_IN if of(caller) else 404

    return status


def page(of: Callable[[Caller], bool]) -> Rule:
    """Of pages that need nobody to sign in."""
    return lambda caller: LET_IN if caller.has_session and of(caller) else 404


# --- The table -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """`body` is the least that is taken, as JSON, or as a form where `is_form`; `fill` what stands in the address."""

    method: str
    rule: Rule
    body: Callable[[World], Any] | None = None
    is_form: bool = False
    fill: Mapping[str, Callable[[World], object]] = field(default_factory=dict)
    query: str = ""

    def address(self, route: Route, world: World) -> str:
        return route.address({name: give(world) for name, give in self.fill.items()}) + self.query


def get(rule: Rule, query: str = "", **fill: Callable[[World], object]) -> Line:
    return Line("GET", rule, fill=fill, query=query)


def post(rule: Rule, body: Callable[[World], Any] | None = None, **fill: Callable[[World], object]) -> Line:
    return Line("POST", rule, body, fill=fill)


def form(rule: Rule, body: Mapping[str, Any] | None = None, **fill: Callable[[World], object]) -> Line:
    return Line("POST", rule, lambda world: dict(body or {}), is_form=True, fill=fill)


def ended(world: World) -> object:
    return world.submission.pk


def waiting(world: World) -> object:
    return world.waiting.pk


def a_run(world: World) -> object:
    return world.run.pk


def published(world: World) -> object:
    return world.question.slug


def draft(world: World) -> object:
    return world.draft.slug


def file_of(question: str, kind: str) -> dict[str, Any]:
    """Where a file of that kind would be."""
    return {"pk": lambda world: getattr(world, question).pk, "path": lambda world: f"{kind}.png"}


def nowhere(world: World) -> object:
    return "nowhere/at/all"


def graded(question: str, code: str, language: str, slug: Callable[[World], object] = published) -> Any:
    """A program for a question, in the words of a contract."""
    return lambda world: {question: slug(world), code: ADD, language: "python"}


def judge_question(which: Callable[[World], Submission]) -> Any:
    return lambda world: (
        graded("questionId", "sourceCode", "languageId")(world) | {"submissionId": str(which(world).pk)}
    )


CASES = [{"input": "1 2\n", "expected": "3\n"}]

LINES: dict[str, list[Line]] = {
    # The API.
    "/api/v1/questions": [get(needs(READ))],
    "/api/v1/questions/<name>": [get(needs(READ), name=published), get(needs(READ, drafts), name=draft)],
    "/api/v1/questions/<name>/testcases": [
        get(needs(TESTS_READ, who=lambda caller: caller.is_author), name=published),
        get(needs(TESTS_READ, who=lambda caller: caller.is_author), name=draft),
    ],
    "/api/v1/languages": [get(needs(READ))],
    "/api/v1/limits": [get(needs(READ))],
    "/api/v1/submissions": [
        get(needs(READ)),
        post(needs(SUBMIT), graded("question", "source", "language")),
        post(needs(SUBMIT, drafts), graded("question", "source", "language", draft)),
    ],
    "/api/v1/submissions/<pk>": [
        get(needs(READ, own), pk=ended),
        get(needs(READ, own), pk=waiting),
        get(needs(READ, own), pk=a_run),
        get(needs(READ, of_machine), pk=lambda world: world.of_machine.pk),
    ],
    "/api/v1/submissions/<pk>/cancel": [post(needs(SUBMIT, mine), pk=waiting)],
    "/api/v1/submissions/<pk>/events": [get(needs(READ, own), pk=ended)],
    "/api/v1/submissions/<pk>/stream": [get(needs(READ, own), pk=ended)],
    "/api/v1/runs": [
        get(needs(READ)),
        post(needs(SUBMIT), lambda world: {"language": "python", "source": ADD}),
    ],
    "/api/v1/runs/<pk>": [get(needs(READ, own), pk=a_run)],
    "/api/v1/receipts/<key>": [get(needs(READ, mine), key=lambda world: world.receipt.key)],
    "/api/v1/webhooks": [get(needs(READ))],
    "/api/v1/backends": [get(needs(POWER, who=lambda caller: caller.is_author))],
    "/api/v1/tickets": [post(needs(READ))],
    "/api/v1/schema": [get(anybody)],
    "/api/v1/docs": [get(anybody)],
    "/api/v1": [get(anybody)],
    "/api/v1/<rest>": [
        get(nothing_there, rest=lambda world: "x"),
        post(nothing_there, rest=lambda world: "x"),
    ],
    # S0
    "/v1/submissions": [post(needs(SUBMIT), graded("questionId", "sourceCode", "languageId"))],
    "/v1/submissions/<pk>": [get(needs(READ, own), pk=ended)],
    "/v1/judge-question": [
        post(needs(JUDGE, own), judge_question(lambda world: world.submission)),
        post(needs(JUDGE, of_machine), judge_question(lambda world: world.of_machine)),
    ],
    "/v1/judge": [
        post(needs(JUDGE), lambda world: {"languageId": "python", "sourceCode": ADD, "testCases": CASES})
    ],
    # S1
    "/api/execute": [
        post(needs(SUBMIT), lambda world: {"lang": "python", "code": ADD}),
        post(needs(SUBMIT), graded("question", "code", "lang")),
        post(needs(SUBMIT, drafts), graded("question", "code", "lang", draft)),
    ],
    "/api/status/<pk>": [get(needs(READ, own), pk=ended)],
    "/api/executions": [get(needs(READ))],
    "/api/executions/<pk>": [get(needs(READ, own), pk=ended), get(needs(READ, own), pk=a_run)],
    "/api/stream/<pk>": [get(needs(READ, own), pk=ended)],
    # S3
    "/api/execution/execute": [post(needs(SUBMIT), lambda world: {"language": "python", "code": ADD})],
    "/api/execution/test": [
        post(needs(SUBMIT), lambda world: {"language": "python", "code": ADD, "testCases": CASES})
    ],
    "/api/execution/validate": [post(needs(SUBMIT), graded("exerciseId", "code", "language"))],
    "/api/execution/history": [get(needs(READ))],
    "/api/execution/<pk>": [get(needs(READ, own), pk=ended), get(needs(READ, own), pk=a_run)],
    "/api/challenges": [get(needs(READ))],
    "/api/challenges/<name>": [get(needs(READ), name=published), get(needs(READ, drafts), name=draft)],
    "/api/ai/hint": [
        post(needs(SUBMIT), lambda world: {"exerciseId": published(world), "userCode": ADD}),
        post(needs(SUBMIT, drafts), lambda world: {"exerciseId": draft(world), "userCode": ADD}),
    ],
    "/api/ai/hints": [post(needs(SUBMIT), lambda world: {"exerciseId": published(world), "userCode": ADD})],
    "/api/ai/review": [
        post(needs(SUBMIT), lambda world: {"language": "python", "code": ADD}),
        post(needs(SUBMIT, drafts), graded("exerciseId", "code", "language", draft)),
    ],
    "/api/ai/analyze": [post(needs(SUBMIT), lambda world: {"language": "python", "code": ADD})],
    "/api/ai/requests/<pk>": [get(needs(READ, mine), pk=lambda world: world.hint.pk)],
    "/api/ai/requests/<pk>/rating": [
        post(needs(SUBMIT, mine), lambda world: {"helpful": True}, pk=lambda world: world.hint.pk)
    ],
    # S4
    "/api/v1/executions/execute": [post(needs(SUBMIT), lambda world: {"language": "python", "code": ADD})],
    "/api/v1/executions/status/<pk>": [get(needs(READ, own), pk=ended), get(needs(READ, own), pk=a_run)],
    "/health": [get(anybody)],
    "/health/ready": [get(anybody, "?role=web")],
    # Probes, and backends that call back.
    "/healthz": [get(anybody)],
    "/metrics": [get(page(staff))],
    "/readyz": [get(anybody, "?role=web")],
    "/callbacks/judge0/<work_id>/<signature>": [
        Line(
            "PUT",
            anybody,
            fill={
                "work_id": ended,
                "signature": lambda world: wakeups.url_for("", str(ended(world))).split("/")[-2],
            },
        ),
        Line("PUT", nothing_there, fill={"work_id": ended, "signature": lambda world: "0" * 40}),
    ],
    # Pages of everybody.
    "/": [get(anybody)],
    "/login": [get(anybody), form(anybody, {"username": "nobody", "password": "wrong"})],
    "/logout": [form(anybody)],
    "/signup": [get(anybody), form(anybody)],
    "/password/forgotten": [get(anybody), form(anybody, {"email": "nobody@example.org"})],
    "/password/forgotten/sent": [get(anybody)],
    "/password/new/<uidb64>/<token>": [
        get(anybody, uidb64=lambda world: "MQ", token=lambda world: "x-y"),
        form(anybody, uidb64=lambda world: "MQ", token=lambda world: "x-y"),
    ],
    "/questions": [get(anybody)],
    "/questions/<slug>": [
        get(anybody, slug=published),
        get(page(drafts), slug=draft),
        form(signed_in(), {"action": "run", "language": "python", "source": ADD}, slug=published),
        form(signed_in(), {"action": "submit", "language": "python", "source": ADD}, slug=published),
        form(page(drafts), {"action": "submit", "language": "python", "source": ADD}, slug=draft),
    ],
    "/questions/<pk>/pictures/<path>": [
        get(anybody, **file_of("question", "picture")),
        get(page(drafts), **file_of("draft", "picture")),
        *(get(nothing_there, **file_of("question", kind)) for kind in ("checker", "kept", "attachment")),
    ],
    "/questions/<pk>/attachments/<path>": [
        get(anybody, **file_of("question", "attachment")),
        get(page(drafts), **file_of("draft", "attachment")),
        *(get(nothing_there, **file_of("question", kind)) for kind in ("checker", "kept", "picture")),
    ],
    # Pages of who has signed in.
    "/questions/<slug>/history": [get(signed_in(), slug=published), get(signed_in(drafts), slug=draft)],
    "/questions/<slug>/hints": [
        get(signed_in(), slug=published),
        get(signed_in(drafts), slug=draft),
        form(signed_in(), slug=published),
        form(signed_in(drafts), slug=draft),
    ],
    "/hints/<pk>/rating": [form(signed_in(mine), {"helpful": "yes"}, pk=lambda world: world.hint.pk)],
    "/hints/<pk>/stream": [get(needs(READ, mine), pk=lambda world: world.hint.pk)],
    "/run": [get(signed_in()), form(signed_in(), {"language": "python", "source": ADD})],
    "/submissions": [get(signed_in())],
    "/submissions/<pk>": [get(signed_in(own), pk=ended), get(signed_in(own), pk=a_run)],
    "/submissions/<pk>/cancel": [form(signed_in(mine), pk=waiting)],
    "/account": [get(signed_in())],
    "/account/email": [get(signed_in()), form(signed_in())],
    "/account/password": [get(signed_in()), form(signed_in())],
    "/account/keys": [
        get(signed_in()),
        form(signed_in(), {"name": "mine", "scopes": ["read"], "days": "90"}),
    ],
    "/account/keys/<pk>/revoke": [
        get(signed_in(), pk=lambda world: world.key.pk),
        form(signed_in(mine), pk=lambda world: world.key.pk),
    ],
    "/account/export": [get(signed_in()), form(signed_in())],
    "/account/webhook-secret": [get(signed_in()), form(signed_in()), form(signed_in(), {"renew": "1"})],
}
"""All but those of the admin."""

SHOWN_BY = {
    "/login": {"PUT"},
    "/signup": {"PUT"},
    "/password/forgotten": {"PUT"},
    "/password/new/<uidb64>/<token>": {"PUT", "PATCH", "DELETE"},
    "/account/email": {"PUT"},
    "/account/password": {"PUT"},
}
"""Django's pages with forms take these for a form without fields, or say that the link is no good."""

SOCKETS: dict[str, list[Line]] = {
    "/ws/submissions/<pk>": [get(needs(READ, own), pk=ended), get(needs(READ, own), pk=a_run)],
    "/ws/executions": [
        Line("SEND", needs(READ), lambda world: {"subscribe": "executions", "job_id": "mine"}),
        Line(
            "SEND", needs(READ, own), lambda world: {"subscribe": "executions", "job_id": str(ended(world))}
        ),
    ],
    "/api/v1/executions/ws/<pk>": [get(needs(READ, own), pk=ended), get(needs(READ, own), pk=a_run)],
    "/": [get(nothing_there)],
}
"""`body` is the first frame that is sent."""

# --- The admin -------------------------------------------------------------------------------------------------

OF_EVERYBODY = {"/admin/login", "/admin/logout"}
OF_STAFF = OF_EVERYBODY | {
    "/admin",
    "/admin/password_change",
    "/admin/password_change/done",
    "/admin/jsi18n",
    "/admin/r/<content_type_id>/<object_id>",  # leads to the page of a row, which has a rule of its own
    "/admin/questions/testcase",  # lead to the list of questions, which has one too
    "/admin/questions/testcase/add",
    "/admin/questions/referencesolution",
    "/admin/questions/referencesolution/add",
}
OF_AUTHORS = OF_STAFF | {
    "/admin/<app_label>",
    "/admin/backends",
    "/admin/status",
    "/admin/submissions/submission",
    "/admin/submissions/submission/<object_id>/change",
    "/admin/submissions/submission/<object_id>/history",
    "/admin/hints/hintrequest",
    "/admin/hints/hintrequest/<object_id>/change",
    "/admin/hints/hintrequest/<object_id>/history",
    "/admin/hints/hintrequest/of/<question_id>",
    "/admin/questions/tag",
    "/admin/questions/tag/add",
    "/admin/questions/tag/<object_id>/change",
    "/admin/questions/tag/<object_id>/delete",
    "/admin/questions/tag/<object_id>/history",
    "/admin/questions/question",
    "/admin/questions/question/add",
    "/admin/questions/question/preview",
    "/admin/questions/question/import",
    "/admin/questions/question/<pk>/import",
    "/admin/questions/question/<pk>/export",
    "/admin/questions/question/<object_id>/change",
    "/admin/questions/question/<object_id>/delete",
    "/admin/questions/question/<object_id>/history",
    "/admin/questions/question/<pk>/publish",
    "/admin/questions/question/<pk>/unpublish",
    "/admin/questions/question/<pk>/archive",
    "/admin/questions/question/<pk>/restore",
    "/admin/questions/question/<pk>/verification",
    "/admin/questions/question/<pk>/verification/start",
    "/admin/questions/question/<pk>/verification/limit",
    "/admin/questions/question/<pk>/rejudge",
    "/admin/questions/question/<pk>/rejudge/<rejudge_set>",
    "/admin/questions/question/<pk>/rejudge/<rejudge_set>/apply",
    "/admin/questions/question/<pk>/rejudge/<rejudge_set>/discard",
    "/admin/questions/question/<pk>/checker",
    "/admin/questions/question/<pk>/checker/<file>",
    "/admin/questions/referencesolution/<object_id>/change",
    "/admin/questions/referencesolution/<object_id>/delete",
    "/admin/questions/referencesolution/<object_id>/history",
    "/admin/questions/testcase/<pk>/<part>/data",
    "/admin/questions/testcase/<object_id>/change",
    "/admin/questions/testcase/<object_id>/delete",
    "/admin/questions/testcase/<object_id>/history",
}
LEADING_ON = {
    f"/admin/{model}/<object_id>"
    for model in (
        "auth/group",
        "accounts/user",
        "accounts/apikey",
        "accounts/identity",
        "accounts/invitation",
        "questions/question",
        "questions/tag",
        "questions/testcase",
        "questions/referencesolution",
        "submissions/submission",
        "submissions/webhook",
        "hints/hintrequest",
    )
}
"""Old addresses of rows: they lead to those that are used now, for all staff."""
ADMIN = {
    "nobody": OF_EVERYBODY,
    "a learner": OF_EVERYBODY,
    "a machine": OF_EVERYBODY,
    "an administrator's key": OF_EVERYBODY,
    "staff without rights": OF_STAFF,
    "an author": OF_AUTHORS,
}
"""By caller, what is open; administrators may do what Django lets them."""


def arguments_of_admin(route: Route, world: World) -> dict[str, object]:
    """A row of the model that the address is about, as any of its names."""
    model = [*route.shape.split("/"), "", ""][3]
    rows: dict[str, object] = {
        "question": world.question.pk,
        "testcase": world.question.testcases.first().pk,
        "referencesolution": world.solution.pk,
        "tag": world.tag.pk,
        "submission": world.submission.pk,
        "user": world.users["other"].pk,
        "apikey": world.key.pk,
        "webhook": world.webhook.pk,
        "invitation": world.invitation.pk,
        "identity": world.identity.pk,
        "group": world.users["author"].groups.get().pk,
        "hintrequest": world.hint.pk,
    }
    row = rows.get(model, 1)
    if "<content_type_id>" in route.shape:
        row = world.question.pk
    of_question = ContentType.objects.get_for_model(Question)
    others = {"part": "input", "content_type_id": of_question.pk, "app_label": "questions", "url": "nowhere"}
    others["question_id"] = world.question.pk
    others["file"] = world.question.files.get(kind=QuestionFile.Kind.CHECKER).pk
    others["rejudge_set"] = world.rejudge_set.pk
    return {"object_id": row, "pk": row, "id": row} | others


# --- Asking ----------------------------------------------------------------------------------------------------


@contextmanager
def undone() -> Iterator[None]:
    """Whatever is done to the database meanwhile."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def client_of(caller: Caller, world: World) -> Client:
    shown = {name.replace("_", "-"): value for name, value in caller.shows(world).items()}
    origin = {"Origin": FOREIGN} if caller.is_foreign else {}
    return Client(
        enforce_csrf_checks=caller.is_foreign, raise_request_exception=False, headers=shown | origin
    )


def ask(client: Client, method: str, address: str, line: Line | None, world: World) -> Any:
    body = None if line is None or line.body is None else line.body(world)
    if line is not None and line.is_form:
        sent, kind = urlencode(body or {}, doseq=True), "application/x-www-form-urlencoded"
    else:
        sent, kind = "" if body is None else json.dumps(body), "application/json"
    with undone():
        return client.generic(method, address, sent, kind)
