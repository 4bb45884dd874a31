"""What the platform offers: its languages. (Its limits: tests/accounts/test_rate_limits.py.)"""

import pytest

from execution import languages
from execution.breaker import Breaker
from execution.shared import Shared
from submissions import connections
from tests.asking import V1, Api
from tests.factories import make_user

pytestmark = pytest.mark.django_db

LANGUAGES = f"{V1}languages/"


def test_the_languages_are_told_by_all_their_names():
    python, *others = Api(make_user()).get(LANGUAGES).json()

    assert [one["slug"] for one in (python, *others)] == [one.slug for one in languages.LANGUAGES]
    assert (python["name"], python["aliases"], 71 in python["judge0_ids"]) == (
        "Python 3",
        ["python3", "py"],
        True,
    )
    assert (python["editor_mode"], python["available"]) == ("python", True)
    assert Api().get(LANGUAGES).status_code == 401


def test_a_language_that_no_server_judges_now_is_told_as_unavailable(settings):
    for url in settings.JUDGE0_URLS:
        for _ in range(settings.JUDGE0_BREAKER_FAILURES):
            Breaker(Shared(connections.redis_client()), url).failed()

    told = Api(make_user()).get(LANGUAGES).json()

    assert {one["available"] for one in told} == {False}
