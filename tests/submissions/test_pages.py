"""The solve page, the page of one submission and the list of one's own, without a browser."""

import json
import re
import uuid
from decimal import Decimal

import pytest
from django.db import OperationalError, connection
from django.test import Client

from execution import skeletons
from execution.breaker import Breaker
from execution.shared import Shared
from questions.models import Question, StarterCode
from submissions import report, waiting
from submissions.connections import redis_client
from submissions.models import CaseResult, Submission
from tests import canary
from tests.factories import PASSWORD, make_author, make_case, make_question, make_user

pytestmark = pytest.mark.django_db(transaction=True)

ADD = "a, b = map(int, input().split())\nprint(a + b)\n"
SUBTRACT = ADD.replace("+", "-")


@pytest.fixture
def learner():
    return make_user()


@pytest.fixture
def client(learner):
    client = Client()
    client.force_login(learner)
    return client


def send(client: Client, question: Question, **changes: str):
    fields = {"language": "python", "source": ADD, "action": "submit"} | changes
    return client.post(f"/questions/{question.slug}/", fields)


def page_data(answer) -> dict:
    found = re.search(
        r'<script id="page-data" type="application/json">(.*?)</script>', answer.content.decode()
    )
    assert found
    return json.loads(found[1])


def make_submission(user, question, **fields) -> Submission:
    values = {"language": "python", "source": ADD, "source_bytes": len(ADD)} | fields
    return Submission.objects.create(user=user, question=question, **values)


def make_result(submission: Submission, index: int, verdict: str = "AC", **fields) -> CaseResult:
    values = {
        "points": Decimal(1),
        "earned": Decimal(verdict == "AC"),
        "public": False,
        "time_ms": 1,
        "input_sha256": "0" * 64,
    } | fields
    return CaseResult.objects.create(submission=submission, index=index, verdict=verdict, **values)


# --- The solve page ---------------------------------------------------------------------------------------------


def test_the_solve_page_has_every_public_case_and_nothing_of_the_hidden_ones(client):
    """S0.27"""
    question = make_question([("<1> & 2\n", "3\n", True), ("10 20\n", "30\n", True)])
    make_case(question, canary.SECRET, canary.SECRET, note=canary.SECRET)
    make_case(question, "5 5\n", "10\n", public=True, note="Two equal numbers.")

    page = client.get(f"/questions/{question.slug}/").content

    for shown in (b"&lt;1&gt; &amp; 2\n", b"10 20\n", b"5 5\n", b"Two equal numbers."):
        assert shown in page
    assert b"3 public cases, 1 hidden" in page
    assert canary.find(page) == []


def test_anybody_reads_a_statement_and_signs_in_to_send(client):
    question = make_question()
    anonymous = Client()

    page = anonymous.get(f"/questions/{question.slug}/")
    answer = send(anonymous, question)

    assert f"/login/?next=/questions/{question.slug}/".encode() in page.content
    assert b'value="submit"' not in page.content
    assert answer.headers["Location"] == f"/login/?next=/questions/{question.slug}/"
    assert not Submission.objects.exists()


def test_a_draft_is_there_for_authors_only(client):
    question = make_question(state=Question.State.DRAFT)
    author = Client()
    author.force_login(make_author())

    assert client.get(f"/questions/{question.slug}/").status_code == 404
    assert send(client, question).status_code == 404
    assert author.get(f"/questions/{question.slug}/").status_code == 200


def test_a_form_makes_exactly_one_submission_and_leads_to_its_page(client, learner):
    """S0.1: with the token of the rendered page, as a browser sends it."""
    question = make_question()
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(learner)
    page = browser.get(f"/questions/{question.slug}/").content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token

    refused = send(browser, question)
    answer = send(browser, question, csrfmiddlewaretoken=token[1])

    (submission,) = Submission.objects.all()
    assert refused.status_code == 403
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/submissions/{submission.pk}/")
    assert (submission.user, submission.kind, submission.source) == (learner, "graded", ADD)


def test_line_ends_are_kept_as_they_were_typed(client):
    send(client, make_question(), source=ADD.replace("\n", "\r\n"))

    assert Submission.objects.get().source == ADD


@pytest.mark.parametrize(
    ("changes", "status", "text"),
    [
        ({"source": " \n"}, 400, "The program is empty."),
        ({"language": "cobol"}, 400, "Unknown language"),
        ({"language": "c"}, 400, "C is not allowed for this question"),
        ({"source": "x\0y"}, 400, "Null characters are not allowed."),
        ({"source": "x" * 65537}, 413, "65537 bytes are too many"),
        ({"action": "run", "input": "1" * 65537}, 413, "65537 bytes are too many"),
    ],
)
def test_what_is_wrong_with_a_form_is_told_on_it_and_nothing_typed_is_lost(client, changes, status, text):
    question = make_question(allowed_languages=["python", "cpp"])

    answer = send(client, question, **changes)

    page = answer.content.decode()
    assert (answer.status_code, Submission.objects.count()) == (status, 0)
    assert text in page
    assert answer.context["draft"].source == ({"source": ADD} | changes)["source"]
    assert page_data(answer)["given"]


def test_another_action_is_a_bad_request(client):
    assert send(client, make_question(), action="destroy").status_code == 400


def test_too_many_submissions_are_told_when_to_come_back(client, settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"submit": "1/minute"}
    question = make_question()
    send(client, question)

    answer = send(client, question)

    assert answer.status_code == 429
    assert page_data(answer)["retryAfter"] == int(answer.headers["Retry-After"])
    assert Submission.objects.count() == 1


@pytest.mark.parametrize("action", ["run", "submit"])
def test_when_the_queue_is_full_the_page_says_so_and_keeps_what_was_typed(client, settings, action):
    """S2.23"""
    settings.MAX_QUEUE_DEPTH = 1
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"run": "1/minute"}
    question = make_question()
    send(client, question)

    for _ in range(2):
        answer = send(client, question, action=action, input="7")

        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
        assert "Too many programs wait to be judged. Please try again in 10 s." in answer.content.decode()
        draft = answer.context["draft"]
        assert (draft.source, draft.own_input, page_data(answer)["given"]) == (ADD, "7", True)
    assert Submission.objects.count() == 1


@pytest.mark.parametrize("action", ["run", "submit"])
def test_when_the_database_takes_nothing_the_page_says_so_and_keeps_what_was_typed(client, settings, action):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"run": "1/minute", "submit": "1/minute"}
    question = make_question()

    def refuse(execute, sql, params, many, context):
        if sql.startswith('INSERT INTO "submissions_submission"'):
            raise OperationalError("disk I/O error")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        answer = send(client, question, action=action, input="7")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "It cannot be taken just now; please try again soon." in answer.content.decode()
    assert (answer.context["draft"].source, answer.context["draft"].own_input) == (ADD, "7")
    assert send(client, question, action=action).status_code == 303


def test_a_question_without_testcases_is_said_to_have_none(client):
    answer = send(client, make_question(cases=()))

    assert answer.status_code == 400
    assert "It has no testcases yet; nothing can be judged." in answer.content.decode()
    assert answer.context["draft"].source == ADD


def test_while_no_server_works_a_run_is_refused_on_the_page_and_a_submission_is_taken(client, settings):
    """S2.18 (in part)"""
    question = make_question()
    for url in settings.JUDGE0_URLS:
        for _ in range(settings.JUDGE0_BREAKER_FAILURES):
            Breaker(Shared(redis_client()), url).failed()

    refused = send(client, question, action="run")
    taken = send(client, question)

    assert (refused.status_code, refused.headers["Retry-After"]) == (502, "5")
    assert "No server can run it now. Please try again soon." in refused.content.decode()
    assert refused.context["draft"].source == ADD
    assert taken.status_code == 303
    assert Submission.objects.count() == 1


def test_the_editor_begins_with_the_starter_code_of_the_language_used_last(client, learner):
    question = make_question()
    StarterCode.objects.create(question=question, language="python", source="\nprint()\n")
    StarterCode.objects.create(question=question, language="cpp", source="int main() {}\n")
    address = f"/questions/{question.slug}/"

    fresh = client.get(address)
    make_submission(learner, question, language="cpp", status="queued", overdue_at="2030-01-01T00:00Z")
    later = client.get(address)

    assert '<textarea class="code" id="source"' in fresh.content.decode()
    assert "\n\nprint()\n</textarea>" in fresh.content.decode()  # the first line end is HTML's
    assert later.context["draft"].source == "int main() {}\n"
    assert page_data(later)["languages"]["python"]["starter"] == "\nprint()\n"


def test_a_language_without_starter_code_begins_with_that_of_its_kind_or_with_a_skeleton(client):
    question = make_question()
    StarterCode.objects.create(question=question, language="cpp", source="int main() {}\n")

    page = client.get(f"/questions/{question.slug}/")

    begins = {slug: it["starter"] for slug, it in page_data(page)["languages"].items()}
    assert page.context["draft"].source == begins["python"] == skeletons.PYTHON
    assert begins["cpp"] == begins["cpp20"] == begins["cpp23"] == "int main() {}\n"
    assert "public class Main {" in begins["java"]
    assert all(begins.values())


def test_a_submission_of_ones_own_can_be_opened_in_the_editor_again(client, learner):
    question = make_question()
    own = make_submission(learner, question, source="mine", status="done", verdict="AC")
    foreign = make_submission(make_user(), question, source="theirs", status="done", verdict="AC")
    address = f"/questions/{question.slug}/?from="

    assert client.get(address + str(own.pk)).context["draft"].source == "mine"
    assert client.get(address + str(foreign.pk)).status_code == 404
    assert client.get(address + str(uuid.uuid4())).status_code == 404
    assert client.get(address + "nonsense").status_code == 200


def test_the_page_knows_which_submission_to_go_on_with(client, learner):
    question = make_question()
    unfinished = {"status": "running", "overdue_at": "2030-01-01T00:00Z"}
    make_submission(make_user(), question, **unfinished)
    make_submission(learner, make_question(), **unfinished)
    make_submission(learner, question, kind="verification", **unfinished)
    address = f"/questions/{question.slug}/"
    assert page_data(client.get(address))["resume"] is None

    own = make_submission(learner, question, seq=4, **unfinished)

    assert page_data(client.get(address))["resume"] == {"id": str(own.pk), "seq": 4, "final": False}


def test_the_page_knows_the_newest_result_and_forgets_a_run_with_its_texts(client, learner, settings):
    question = make_question()
    done = {"status": "done", "verdict": "AC"}
    graded = make_submission(learner, question, created_at="2026-01-01T10:00Z", **done)
    run = make_submission(learner, question, kind="run", source="", **done)
    address = f"/questions/{question.slug}/"

    assert page_data(client.get(address))["resume"] == {"id": str(run.pk), "seq": 1, "final": True}
    settings.EXECUTION_TTL_S = 0
    assert page_data(client.get(address))["resume"]["id"] == str(graded.pk)


def test_limits_are_told_as_they_hold_for_each_language(client):
    question = make_question(time_limit_ms=1250, allowed_languages=["python", "cpp"])

    answer = client.get(f"/questions/{question.slug}/")

    assert re.search(r'Time <b id="time-limit">3\.75 s</b> \(<span[^>]*>Python 3<', answer.content.decode())
    told = {slug: one["limits"]["time"] for slug, one in page_data(answer)["languages"].items()}
    assert told == {"python": "3.75 s", "cpp": "1.25 s"}


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ("run_all", "judges it on all 2 cases and gives"),
        ("fail_fast", "judges it on up to 2 cases, until the first failure, and gives"),
        ("fail_fast_per_group", "judges it on up to 2 cases, in each group until the first failure, and"),
    ],
)
def test_the_page_says_on_how_many_cases_a_program_is_judged(client, policy, words):
    page = client.get(f"/questions/{make_question(run_policy=policy).slug}/").content.decode()

    assert words in re.sub(r"<[^>]+>", "", page)


def test_the_history_is_ones_own_newest_first_without_runs(client, learner):
    question = make_question()
    sent = [
        (learner, "graded", "python"),
        (learner, "graded", "cpp"),
        (learner, "run", "c"),
        (make_user(), "graded", "c"),
    ]
    for minute, (user, kind, language) in enumerate(sent):
        source = "" if kind == "run" else ADD
        judged = {"status": "done", "verdict": "WA", "created_at": f"2026-01-01T10:0{minute}Z"}
        make_submission(user, question, kind=kind, language=language, source=source, **judged)

    for path in ("", "history/"):
        attempts = client.get(f"/questions/{question.slug}/{path}").context["attempts"]
        assert [one.language for one in attempts] == ["cpp", "python"]


def test_every_page_keeps_to_the_strict_content_security_policy(client, learner):
    question = make_question()
    submission = make_submission(learner, question, status="done", verdict="WA")

    for path in ("/questions/", f"/questions/{question.slug}/", f"/submissions/{submission.pk}/", "/nothing"):
        answer = client.get(path)
        page = answer.content.decode()
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert not re.search(r"<style|\sstyle=|\son\w+=", page)
        assert all(
            "src=" in script or "application/json" in script for script in re.findall(r"<script[^>]*>", page)
        )


# --- One submission ---------------------------------------------------------------------------------------------


def refresh(seconds: int) -> bytes:
    return f'<noscript><meta http-equiv="refresh" content="{seconds}"></noscript>'.encode()


def test_the_page_of_what_waits_for_long_renews_itself_seldom(client, learner):
    """Each time takes the focus from the button by which it is cancelled."""
    since = {"created_at": "2026-01-01T00:00Z", "overdue_at": "2030-01-01T00:00Z"}
    running = make_submission(learner, make_question(), status="running", **since)
    queued = make_queued(learner, make_question(), **since)

    assert refresh(2) in client.get(f"/submissions/{running.pk}/").content
    page = client.get(f"/submissions/{queued.pk}/").content
    assert refresh(10) in page
    assert b"This page renews itself every 10 seconds." in page


def test_an_unfinished_submission_renews_its_page_and_a_finished_one_does_not(client, learner, engine, work):
    """S0.11"""
    address = send(client, make_question()).headers["Location"]
    waiting = client.get(address).content
    work()
    finished = client.get(address).content

    assert refresh(2) in waiting
    assert b"This page renews itself every 2 seconds." in waiting
    assert b"Queued" in waiting
    assert b"http-equiv" not in finished
    assert "✓ Accepted".encode() in finished


def test_a_public_failure_shows_input_answer_and_output_with_the_difference(client, engine, work):
    """S0.22, S0.30"""
    address = send(client, make_question(), source=SUBTRACT).headers["Location"]
    work()

    report = client.get(address).context["report"]

    assert report.facts[0] == "stopped at case 1 (public); 1 case was not run"
    assert report.chosen.input.lines[0].html == "1 2"
    assert report.chosen.answer.lines[0].html == "<mark>3</mark>"
    assert report.chosen.output.lines[0].html == "<mark>-1</mark>"
    assert "expected" in report.chosen.explanation


def test_a_hidden_failure_shows_its_index_and_verdict_and_no_data(client, engine, work):
    """S0.30"""
    question = make_question([("1 2\n", "3\n", True), (f"{canary.SECRET}\n", f"{canary.SECRET}!\n", False)])
    program = "text = input()\nprint(3 if text == '1 2' else text)\n"
    address = send(client, question, source=program).headers["Location"]
    work()

    for path in ("", "?case=2", "?part=result", "?part=result&case=2"):
        answer = client.get(address + path)
        report = answer.context["report"]
        assert report.facts[0] == "on case 2 (hidden)"
        assert (report.chosen.input, report.chosen.answer, report.chosen.output) == (None, None, None)
        assert canary.find(answer.content) == []


def test_a_compile_error_links_to_the_lines_of_the_program(client, engine, work):
    address = send(client, make_question(), language="cpp", source="int main() {\n  return m;\n}\n").headers[
        "Location"
    ]
    work()

    page = client.get(address).content.decode()

    assert '<a href="#line-2" data-line="2" data-column="10" data-kind="error"' in page
    assert '<span id="line-2">  return m;</span>' in page


def test_a_run_shows_the_output_on_ones_own_input(client, engine, work):
    address = send(client, make_question(), action="run", input="20 22\r\n").headers["Location"]
    work()

    answer = client.get(address)
    report = answer.context["report"]

    assert report.headline == "✓ Accepted on 1 public case"
    assert report.facts[:2] == ["a run, not counted", "1 of 1 case passed"]
    assert (report.chosen.title, report.chosen.facts[0]) == ("Own input", "Ran")
    assert [cell.label for cell in report.strips[1].cells] == ["Case 2, own input: ran"]
    assert [line.html for line in report.chosen.output.lines] == ["42"]
    assert [strip.title for strip in report.strips] == ["Public", "Own input"]
    assert b'class="cell"' in answer.content
    assert "not counted" in answer.content.decode()


def test_ones_own_input_is_opened_first_even_where_a_public_case_fails(client, engine, work):
    address = send(client, make_question(), action="run", source=SUBTRACT, input="20 22").headers["Location"]
    work()

    report = client.get(address).context["report"]

    assert (report.headline, report.facts[0]) == ("✗ Wrong answer", "on case 1 (public)")
    assert report.chosen.title == "Own input"


def test_a_run_on_nothing_but_ones_own_input_is_not_called_accepted(client, engine, work):
    question = make_question([("1 2\n", "3\n", False)])
    address = send(client, question, action="run", input="20 22").headers["Location"]
    work()

    answer = client.get(address)
    report = answer.context["report"]

    assert (report.headline, report.outcome, report.facts[0]) == ("Ran", "ran", "a run, not counted")
    assert not any("passed" in fact for fact in report.facts)
    assert report.chosen.facts[-1] == "exit code 0"
    assert b'class="cell"' not in answer.content  # there is nothing to choose from


def test_a_run_that_has_expired_shows_its_verdict_only(client, engine, work):
    address = send(client, make_question(), action="run").headers["Location"]
    work()
    redis_client().flushall()

    page = client.get(address).content.decode()

    assert "✓ Accepted" in page
    assert "What it printed is no longer kept." in page
    assert "this one is gone" in page


def test_a_case_can_be_chosen_and_nonsense_is_ignored(client, engine, work):
    address = send(client, make_question(), source=SUBTRACT).headers["Location"]
    work()

    assert client.get(f"{address}?case=2").context["report"].chosen_index == 2
    for nonsense in ("99", "0", "x", "²", "-1"):
        assert client.get(f"{address}?case={nonsense}").context["report"].chosen_index == 1


def test_a_failure_of_the_platform_is_not_blamed_on_the_program_and_may_be_sent_again(client, learner):
    question = make_question()
    failed = make_submission(
        learner, question, status="error", reason="judge_unavailable", message="No server could be reached."
    )

    page = client.get(f"/submissions/{failed.pk}/").content.decode()

    assert "This was our fault, not your program's" in page
    assert "No server could be reached." in page
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    assert (fields["language"], fields["source"]) == ("python", ADD)
    assert "data-again" in page


def make_queued(user, question, **fields) -> Submission:
    return make_submission(user, question, **{"status": "queued", "overdue_at": "2030-01-01T00:00Z"} | fields)


def test_what_waits_tells_its_place_in_line_and_about_how_long_it_takes(client, learner):
    """S2.23 (in part)"""
    question = make_question()
    for minute in range(3):
        mine = make_queued(learner, question, created_at=f"2026-01-01T10:0{minute}Z")
    address = f"/submissions/{mine.pk}/?part=result"
    unknown = client.get(address).context["report"].headline

    waiting.announce("worker", "default", 2)
    waiting.note_service("default", 2)

    assert unknown == "Queued, 3rd in line"
    assert client.get(address).context["report"].headline == "Queued, 3rd in line, about 4 s"


@pytest.mark.parametrize(
    ("position", "wait_s", "words"),
    [
        (1, None, "next in line"),
        (1, 1, "next in line, about 1 s"),
        (2, 99, "2nd in line, about 99 s"),
        (4, 100, "4th in line, about 2 min"),
        (11, 3600, "11th in line, about 60 min"),
        (112, None, "112th in line"),
        (121, None, "121st in line"),
    ],
)
def test_a_place_in_line_is_told_in_plain_words(position, wait_s, words):
    assert report.in_line(position, wait_s) == words


def test_what_waits_for_a_server_says_that_and_promises_no_time(client, learner):
    submission = make_queued(
        learner,
        make_question(),
        reason="judge_unavailable",
        message="Waiting for a server that can judge it.",
    )

    told = client.get(f"/submissions/{submission.pk}/").context["report"]

    assert (told.headline, told.explanation) == ("Queued", "Waiting for a server that can judge it.")


def test_what_waits_is_cancelled_by_a_button_and_is_not_called_our_fault(client, learner):
    submission = make_queued(learner, make_question())
    address = f"/submissions/{submission.pk}/"
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(learner)
    page = browser.get(address).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token
    assert f'action="{address}cancel/"' in page

    refused = browser.post(f"{address}cancel/")
    answer = browser.post(f"{address}cancel/", {"csrfmiddlewaretoken": token[1]})

    assert (refused.status_code, answer.status_code, answer.headers["Location"]) == (403, 303, address)
    told = client.get(address)
    assert (told.context["report"].headline, told.context["report"].outcome) == ("Cancelled", "cancelled")
    assert "our fault" not in told.content.decode()
    assert "does not count as an attempt" in told.content.decode()
    assert "Submit again" in told.content.decode()
    assert "Cancel</button>" not in told.content.decode()


def test_who_is_signed_out_meanwhile_comes_to_the_submission_after_signing_in(learner):
    submission = make_queued(learner, make_question())
    browser = Client()

    asked = browser.post(f"/submissions/{submission.pk}/cancel/")
    answer = browser.post(
        asked.headers["Location"], {"username": learner.username, "password": PASSWORD}, follow=True
    )

    assert answer.redirect_chain == [(f"/submissions/{submission.pk}/", 302)]
    assert answer.context["report"].headline.startswith("Queued")


@pytest.mark.parametrize(
    ("judged", "words"), [(0, "before it was judged, and"), (1, "before it was judged to its end, and")]
)
def test_what_was_cancelled_is_said_to_be_judged_as_far_as_it_was(client, learner, judged, words):
    submission = make_submission(
        learner, make_question(), status="error", reason="cancelled", cases_total=2, cases_judged=judged
    )

    assert words in client.get(f"/submissions/{submission.pk}/").content.decode()


def test_who_cancels_too_late_sees_how_it_stands(client, learner):
    done = make_submission(learner, make_question(), status="done", verdict="AC")

    answer = client.post(f"/submissions/{done.pk}/cancel/", follow=True)

    assert answer.context["report"].headline == "✓ Accepted"


def test_nobody_but_its_owner_is_offered_to_cancel_it_or_can(client, learner):
    submission = make_queued(make_user(), make_question())
    address = f"/submissions/{submission.pk}/"
    author = Client()
    author.force_login(make_author())

    assert "cancel/" not in author.get(address).content.decode()
    for somebody in (client, author):
        assert somebody.post(f"{address}cancel/").status_code == 404
    assert Client().post(f"{address}cancel/").headers["Location"].startswith("/login/")
    assert client.get(f"{address}cancel/").status_code == 405
    submission.refresh_from_db()
    assert submission.status == "queued"


def test_lists_call_a_cancelled_submission_cancelled_and_it_is_no_attempt(client, learner):
    question = make_question()
    make_submission(learner, question, status="error", reason="cancelled")
    make_submission(learner, question, status="error", reason="judging_error")

    for path in ("/submissions/", f"/questions/{question.slug}/"):
        page = client.get(path).content.decode()
        assert "– Cancelled" in page
        assert page.count("Not judged") == 1
    ((_, mark),) = client.get("/questions/").context["rows"]
    assert mark == ""


def test_more_than_a_hundred_cases_are_told_in_groups(client, learner):
    question = make_question()
    submission = make_submission(
        learner, question, status="done", verdict="WA", cases_total=120, cases_judged=120, cases_passed=118
    )
    for index in range(1, 121):
        make_result(
            submission,
            index,
            "WA" if index in (50, 90) else "AC",
            public=index == 1,
            group="" if index == 1 else "small" if index < 60 else "large",
        )

    strips = client.get(f"/submissions/{submission.pk}/").context["report"].strips

    told = [
        (strip.title, strip.passed, strip.total, [cell.index for cell in strip.cells]) for strip in strips
    ]
    assert told == [("Public", 1, 1, []), ("Group small", 57, 58, [50]), ("Group large", 60, 61, [90])]


def test_a_running_submission_shows_how_far_it_is(client, learner):
    question = make_question([("1 2\n", "3\n", True)] + [("0 0\n", "0\n", False)] * 3)
    submission = make_submission(
        learner,
        question,
        status="running",
        overdue_at="2030-01-01T00:00Z",
        cases_total=4,
        cases_judged=2,
        cases_passed=2,
    )
    make_result(submission, 1, public=True)
    make_result(submission, 2)

    answer = client.get(f"/submissions/{submission.pk}/?part=result")

    assert answer.context["report"].headline == "Running 2/4"
    cells = [cell for strip in answer.context["report"].strips for cell in strip.cells]
    assert [cell.verdict for cell in cells] == ["AC", "AC", "RUN", ""]
    assert cells[3].label == "Case 4, hidden: waiting"
    assert "<html" not in answer.content.decode()


def finished(learner, verdicts: str, question: Question | None = None, **fields) -> Submission:
    """A submission whose cases have these verdicts; the first one is public."""
    names = verdicts.split()
    failures = [name for name in names if name not in ("AC", "SK")]
    submission = make_submission(
        learner,
        question or make_question(),
        status="done",
        verdict=failures[0] if failures else "AC",
        cases_total=len(names),
    )
    for index, name in enumerate(names, start=1):
        ran = {"time_ms": None} if name == "SK" else fields
        make_result(submission, index, name, **{"public": index == 1} | ran)
    return submission


@pytest.mark.parametrize(
    ("verdicts", "told"),
    [
        ("AC AC AC", ["3 of 3 cases passed"]),
        ("AC WA AC", ["on case 2 (hidden)", "2 of 3 cases passed"]),
        ("WA SK SK", ["stopped at case 1 (public); 2 cases were not run", "0 of 1 case passed"]),
        ("AC WA SK", ["stopped at case 2 (hidden); 1 case was not run", "1 of 2 cases passed"]),
        ("AC WA SK AC", ["on case 2 (hidden)", "1 case was not run", "2 of 3 cases passed"]),
        ("AC SK SK", ["2 cases were not run", "1 of 1 case passed"]),
    ],
)
def test_what_was_not_run_is_not_counted_as_failed(client, learner, verdicts, told):
    submission = finished(learner, verdicts)

    facts = client.get(f"/submissions/{submission.pk}/").context["report"].facts

    assert [fact for fact in facts if "slowest" not in fact] == told


@pytest.mark.parametrize(
    ("verdict", "ending", "told"),
    [
        ("RTE", {"signal": 11}, ["ended by a segmentation fault (signal 11)"]),
        ("RTE", {"signal": 33}, ["ended by signal 33"]),
        ("RTE", {"exit_code": 3}, ["exit code 3"]),
        ("MLE", {"signal": 9}, []),
        ("OLE", {"exit_code": 120}, []),
        ("WA", {"exit_code": 0}, []),
    ],
)
def test_how_a_program_ended_is_told_in_words_where_it_ended_by_itself(
    client, learner, verdict, ending, told
):
    question = make_question()
    case = question.testcases.public().get()
    data = {"input_sha256": case.input_id, "answer_sha256": case.answer_id}
    submission = finished(learner, verdict, question, **data, **ending)

    facts = client.get(f"/submissions/{submission.pk}/").context["report"].chosen.facts

    assert facts[2:] == told or facts[3:] == told


def test_an_authors_note_on_a_case_is_told_as_one(client, learner):
    question = make_question([])
    case = make_case(question, "5 5\n", "10\n", public=True, note="Two equal numbers.")
    data = {"input_sha256": case.input_id, "answer_sha256": case.answer_id}
    submission = finished(learner, "WA", question, **data)

    assert b"Note: Two equal numbers." in client.get(f"/submissions/{submission.pk}/").content


@pytest.mark.parametrize(("time_ms", "is_explained"), [(22, True), (3001, False)])
def test_a_program_that_waits_too_long_is_told_from_one_that_computes_too_long(
    client, learner, time_ms, is_explained
):
    submission = finished(learner, "TLE", time_ms=time_ms)

    chosen = client.get(f"/submissions/{submission.pk}/").context["report"].chosen

    told = "It did not finish within 7 s of real time (it used 22 ms of CPU time)."
    # It may have waited for us: the real time does not tell whose processors were busy.
    assert chosen.explanation.startswith(told) == is_explained
    assert bool(chosen.explanation) == is_explained
    assert ("the judge was busy" in chosen.explanation) == is_explained


@pytest.mark.parametrize(("state", "words"), [("archived", "Archived"), ("draft", "Not published")])
def test_a_question_that_is_gone_is_named_without_links_to_nowhere(client, learner, state, words):
    question = make_question(title="Old one")
    submission = make_submission(learner, question, status="error", reason="judging_error")
    Question.objects.update(state=state)

    for path in (f"/submissions/{submission.pk}/", "/submissions/"):
        page = client.get(path).content.decode()
        assert "Old one" in page
        assert words in page
        assert question.get_absolute_url() not in page


def test_somebody_elses_submission_is_not_there(client):
    foreign = make_submission(make_user(), make_question(), status="done", verdict="AC")

    assert client.get(f"/submissions/{foreign.pk}/").status_code == 404
    assert client.get(f"/submissions/{uuid.uuid4()}/").status_code == 404
    assert Client().get(f"/submissions/{foreign.pk}/").headers["Location"].startswith("/login/")


# --- One's own list ---------------------------------------------------------------------------------------------


def test_the_list_of_ones_own_submissions_has_pages(client, learner, django_assert_max_num_queries):
    question = make_question()
    make_submission(make_user(), question, status="done", verdict="AC")
    for _ in range(26):
        make_submission(learner, question, status="done", verdict="TLE", score=Decimal(40))

    with django_assert_max_num_queries(7):
        first = client.get("/submissions/")
    second = client.get("/submissions/?page=2")

    assert (len(first.context["page"]), len(second.context["page"])) == (25, 1)
    assert "Time limit exceeded" in first.content.decode()
    assert Client().get("/submissions/").headers["Location"].startswith("/login/")


# --- Errors -----------------------------------------------------------------------------------------------------


def test_errors_look_like_the_rest_of_the_site(client):
    answer = client.get("/nothing/here/")

    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()
    assert "To the questions" in answer.content.decode()


def test_the_page_of_a_broken_server_needs_nothing_of_a_request():
    from django.template.loader import render_to_string

    assert "on our side" in render_to_string("500.html")
