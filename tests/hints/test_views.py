"""The Hints panel: what it says of where one stands, and what its forms do. Without scripts it is a page of its own."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from execution import languages
from execution.types import Verdict
from hints.answers import Level
from hints.markup import as_html
from hints.models import HintRequest
from questions.models import Question
from submissions import judging
from submissions.connections import redis_client
from submissions.models import CaseResult, Submission
from tests.factories import make_hint, make_question, make_user

pytestmark = pytest.mark.django_db(transaction=True)

ANSWER = {
    "hint": "Look at `a - b`:\n\n1. what does <b>1 2</b> give?\n2. what should it?",
    "confidence": 0.8,
    "approach": "Add.",
    "next_steps": ["Run it on `1 2`."],
    "line": 2,
}


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def failed(user, question: Question, source: str = "print(1)", verdict: Verdict = Verdict.WA) -> Submission:
    """An attempt as it stands once it is judged: the first case was right, the second one not."""
    python = languages.get("python")
    submission = judging.submit(user=user, question=question, language=python, source=source)
    for index, (one, public) in enumerate([(Verdict.AC, True), (verdict, False)], start=1):
        CaseResult.objects.create(
            submission=submission, index=index, points=1, earned=0, public=public, verdict=one
        )
    done = {"status": Submission.Status.DONE, "verdict": verdict, "overdue_at": None}
    Submission.objects.filter(pk=submission.pk).update(**done)
    submission.refresh_from_db()
    return submission


def shown(client: Client, question: Question, query: str = "") -> str:
    return client.get(reverse("hints", args=[question.slug]) + query).content.decode()


def test_before_any_attempt_the_panel_says_what_opens_the_first_level():
    learner, question = make_user(), make_question()

    page = shown(signed_in(learner), question)

    assert "Run or submit a program first" in page
    assert page.count('data-state="locked"') == 4
    assert '<button class="primary"' not in page


def test_where_hints_are_off_the_panel_says_so():
    question = make_question(offers_hints=False)

    page = shown(signed_in(make_user()), question)

    assert "There are no hints for this question." in page
    assert "Levels" not in page


def test_where_hints_are_switched_off_those_that_were_given_stay():
    learner, question = make_user(), make_question(offers_hints=False)
    make_hint(learner, question, answer=ANSWER)

    page = shown(signed_in(learner), question)

    assert "Hints are switched off for this question; those that you have stay." in page
    assert 'id="hint-1"' in page


def test_a_failed_attempt_is_named_and_offers_a_nudge_about_it():
    learner, question = make_user(), make_question()
    failed(learner, question)

    page = shown(signed_in(learner), question)

    assert "Wrong answer on case 2 (hidden)" in page
    assert "Get a nudge" in page
    assert page.count('data-state="open"') == 1


def test_of_a_program_that_does_not_compile_no_case_is_named():
    learner, question = make_user(), make_question()
    failed(learner, question, verdict=Verdict.CE)

    assert "<b>Compile error</b>" in shown(signed_in(learner), question)


def test_each_hint_tells_which_attempt_it_is_about():
    learner, question = make_user(), make_question()
    attempt = failed(learner, question)
    make_hint(learner, question, submission=attempt, verdict="WA", answer=ANSWER)
    make_hint(learner, question, level=2, submission=None, verdict="TLE", answer=ANSWER)

    page = shown(signed_in(learner), question)

    link = f'<a href="/submissions/{attempt.pk}/">submission</a>'
    assert f"About your {link} in Python 3, just now: <b>Wrong answer on case 2 (hidden)</b>." in page
    assert "About a run in Python 3 that is no longer kept: <b>Time limit exceeded</b>." in page
    assert page.count("data-line=") == 1  # there is no program to show a line of


def test_what_was_said_of_a_program_that_passed_is_no_level():
    learner, question = make_user(), make_question()
    make_hint(learner, question, level=4, verdict="AC", answer=ANSWER)

    assert 'id="hint-4"' not in shown(signed_in(learner), question)


def test_after_all_levels_another_failure_offers_another_plan():
    learner, question = make_user(), make_question()
    make_hint(learner, question, level=4, verdict="WA", answer=ANSWER)
    failed(learner, question)

    page = shown(signed_in(learner), question)

    assert "Get another plan" in page
    assert 'id="hint-4"' in page


def test_a_rules_hint_says_where_a_model_was_asked_in_vain():
    learner, question = make_user(), make_question()
    make_hint(learner, question, answer=ANSWER, provider="openai", refused=["hidden"])

    assert "the language model gave no answer that can be shown." in shown(signed_in(learner), question)


@pytest.mark.parametrize("offers_hints", [True, False])
def test_a_failed_result_leads_to_the_hints_where_there_are_any(offers_hints):
    learner, question = make_user(), make_question(offers_hints=offers_hints)
    attempt = failed(learner, question)

    page = signed_in(learner).get(reverse("submission", args=[attempt.pk])).content.decode()

    assert (f'href="{reverse("hints", args=[question.slug])}"' in page) is offers_hints


def test_asking_leads_to_the_page_which_renews_itself_until_the_hint_is_there():
    learner, question = make_user(), make_question()
    attempt, client = failed(learner, question), signed_in(learner)
    address = reverse("hints", args=[question.slug])

    asked = client.post(address)
    again = client.post(address)  # as by a second click
    page = shown(client, question)

    assert (asked.status_code, asked["Location"], again.status_code) == (303, address, 303)
    request = HintRequest.objects.get()
    assert (request.submission, request.level, request.user) == (attempt, Level.NUDGE, learner)
    assert '<meta http-equiv="refresh" content="2">' in page
    assert f'data-stream="/hints/{request.pk}/stream/"' in page

    HintRequest.objects.update(status="done", answer=ANSWER, rule="a_rule", finished_at=timezone.now())
    page = shown(client, question)
    assert "http-equiv" not in page
    assert "<ol>\n<li>what does &lt;b&gt;1 2&lt;/b&gt; give?</li>" in page
    assert "<li><p>Run it on <code>1 2</code>.</p>" in page
    assert f'href="/submissions/{attempt.pk}/#line-2" data-line="2"' in page
    assert "From the platform&#x27;s rules." in page or "From the platform's rules." in page
    assert "The next level opens when you have changed your program and it has failed again." in page


def test_scripts_get_the_panel_alone_and_are_led_to_it_again():
    learner, question = make_user(), make_question()
    failed(learner, question)
    client, address = signed_in(learner), reverse("hints", args=[question.slug]) + "?part=panel"

    panel = client.get(address)
    asked = client.post(address)

    assert panel.content.decode().lstrip().startswith('<div class="hints-panel" data-open>')
    assert panel["Cache-Control"] == "no-store"
    assert asked["Location"] == address


def test_a_model_is_named_as_the_writer_and_the_newest_hint_is_open():
    learner, question = make_user(), make_question()
    make_hint(learner, question, answer=ANSWER)
    make_hint(learner, question, level=2, answer=ANSWER, rule="", provider="anthropic", model="m")

    page = shown(signed_in(learner), question)

    assert page.index("Level 2: Concept") < page.index("Level 1: Nudge")
    assert page.count("<details") - page.count('<details class="menu"') == 2
    assert page.count('id="hint-2" open') == 1
    assert page.index("Written by a language model; it may be wrong.") < page.index("Level 1: Nudge")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"code": "provider_failed"}, "The language model gave no answer that can be shown;"),
        ({"code": "not_judged"}, "The program could not be judged, by our fault;"),
        ({"code": "hint_lost"}, "It was lost, by our fault;"),
    ],
)
def test_what_failed_is_told_in_words_and_can_be_tried_again(fields, words):
    learner, question = make_user(), make_question()
    failed(learner, question)
    make_hint(learner, question, status="failed", answer=None, rule="", **fields)

    page = shown(signed_in(learner), question)

    assert words in page
    assert "Try again: Get a nudge" in page


def test_what_nobody_answers_any_more_is_lost_and_can_be_tried_again():
    learner, question = make_user(), make_question()
    failed(learner, question)
    lost = make_hint(learner, question, status="queued", answer=None, rule="")
    long_ago = timezone.now() - HintRequest.LOST_AFTER - timedelta(seconds=1)
    HintRequest.objects.filter(pk=lost.pk).update(created_at=long_ago)

    page = shown(signed_in(learner), question)

    assert "It was lost, by our fault;" in page
    assert "Try again: Get a nudge" in page


def test_who_asks_too_often_is_told_when_again(settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"ai": "1/minute"}
    learner = make_user()
    client = signed_in(learner)
    answers = []
    for question in (make_question(), make_question()):
        failed(learner, question)
        answers.append(client.post(reverse("hints", args=[question.slug]) + "?part=panel"))

    assert [one.status_code for one in answers] == [303, 429]
    assert "You can ask again in 1\N{NO-BREAK SPACE}minute." in answers[1].content.decode()
    assert "Try again: Get a nudge" in answers[1].content.decode()
    assert 0 < int(answers[1]["Retry-After"]) <= 60


def test_while_redis_is_away_asking_is_answered_503_and_nothing_is_taken(settings):
    learner, question = make_user(), make_question()
    failed(learner, question)
    client = signed_in(learner)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    redis_client.cache_clear()
    try:
        answer = client.post(reverse("hints", args=[question.slug]))
    finally:
        redis_client.cache_clear()

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert not HintRequest.objects.exists()


def test_a_reader_says_whether_it_helped_and_may_change_their_mind():
    learner, question = make_user(), make_question()
    hint, client = make_hint(learner, question), signed_in(learner)
    address = reverse("hint-rating", args=[hint.pk])

    for said, kept in (("yes", True), ("no", False)):
        assert client.post(address, {"helpful": said})["Location"] == reverse("hints", args=[question.slug])
        hint.refresh_from_db()
        assert hint.was_helpful is kept
    assert shown(client, question).count('aria-pressed="true">No') == 1
    assert client.post(address, {"helpful": "perhaps"}).status_code == 400
    assert signed_in(make_user()).post(address, {"helpful": "yes"}).status_code == 404


def test_a_hint_is_words_and_nothing_that_loads_or_leads_anywhere():
    texts = [
        "<script>alert(1)</script>",
        "[a link](https://evil.example)",
        "![a picture](https://evil.example/x.png)",
        "https://evil.example <https://evil.example>",
        "# a heading\n\n> a quote\n\n| a | table |",
        "[a reference]\n\n[a reference]: https://evil.example",
    ]
    html = "".join(as_html(text) for text in texts)

    for mark in ("<script", "<a", "<img", "<h1", "<blockquote", "<table"):
        assert mark not in html
    assert html.count("evil.example") == 5  # as text
    assert as_html("1. `a < b`\n2. then\n\n```\nx\n```") == (
        "<ol>\n<li><code>a &lt; b</code></li>\n<li>then</li>\n</ol>\n<pre><code>x\n</code></pre>\n"
    )
