"""What the database of a release holds when an upgrade is tried on it: some of everything, submissions in all states.

Run by the release's own code, see `make_release`. Nobody judges here: what waits is judged after the upgrade.
"""

from datetime import timedelta
from decimal import Decimal

from django.utils import timezone

from accounts import keys
from accounts.models import Identity, Invitation, User
from execution import languages
from execution.types import Finished, Judged, Run, Submitted, Verdict
from questions.models import Question, Tag
from submissions import judging, lifecycle, webhooks
from submissions.models import Receipt, Submission
from tests.factories import make_author, make_question, make_solution, make_user

PYTHON = languages.get("python")
SOURCE = "print(sum(map(int, input().split())))\n"

ada = make_user("ada", email="ada@example.org", first_name="Ada")
make_author("grace")
User.objects.filter(pk=make_user("blocked").pk).update(is_active=False)
keys.make(user=ada, name="my laptop", scopes=["submit", "read"])
Invitation.objects.create(code="come-in", note="for a class", uses_left=3)
Identity.objects.create(user=ada, issuer="https://issuer.example", subject="ada-1")

question = make_question(slug="sum-of-release", cases=[("1 2\n", "3\n", True), (b"4 5\n\xff", b"9\n", False)])
question.tags.add(Tag.objects.create(name="arithmetic"))
make_solution(question)
make_question(slug="draft-of-release", state=Question.State.DRAFT)


def submit(source: str = SOURCE) -> Submission:
    return judging.submit(user=ada, question=question, language=PYTHON, source=source, metadata={"n": 1})


def begin(submission: Submission) -> tuple[lifecycle.Claim, dict]:
    work = judging.prepare(submission)
    assert work is not None
    claim = lifecycle.claim(submission, revision=work.revision, cases_total=len(work.cases))
    assert claim is not None
    return claim, {case.index: case for case in work.cases}


def passed(index: int) -> Judged:
    run = Run(failure=None, output=b"3\n", time_ms=12, memory_kib=3000, exit_code=0)
    return Judged(index, run, Verdict.AC, points=Decimal(1), backend="http://127.0.0.1:9")


done = submit()
claim, cases = begin(done)
lifecycle.record(claim, cases, [passed(1), passed(2), Finished(Verdict.AC, Decimal(100))])

failed, _ = begin(submit())
lifecycle.fail(failed, code="judging_error", message="It could not be judged.")

lifecycle.cancel(submit())

half, cases = begin(submit("# half\n" + SOURCE))
lifecycle.record(half, cases, [Submitted((1,), "window", "http://127.0.0.1:9", ("a-token",)), passed(1)])

waiting = submit("# waiting\n" + SOURCE)
webhooks.add(waiting, "http://127.0.0.1:9009/told")
told = webhooks.add(done, "http://127.0.0.1:9009/told")
type(told).objects.filter(pk=told.pk).update(next_try_at=None, delivered_at=timezone.now(), attempts=1)
Receipt.objects.create(
    user=ada, key="once", request_hash="0" * 64, submission=done, answer={"id": str(done.pk)}
)

lifecycle.create(
    kind=Submission.Kind.RUN, user=ada, question=None, language="python", source_bytes=len(SOURCE)
)
Submission.objects.unfinished().update(overdue_at=timezone.now() - timedelta(days=1))
