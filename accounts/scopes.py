"""What a credential allows. A person who has signed in may do all that the person may; keys and tokens may less."""

from enum import StrEnum


class Scope(StrEnum):
    SUBMIT = "submit"  # submit, run and cancel
    READ = "read"  # questions, and one's own submissions and runs
    JUDGE = "judge"  # the endpoints for machines: /v1/judge, /v1/judge-question
    TESTS_READ = "tests:read"  # hidden testcases and solutions, where the user is one of their authors
    ADMIN = "admin"  # all else that the user may do as staff: other people's submissions, backends


LEARNER = frozenset({Scope.SUBMIT, Scope.READ})
"""Of tokens, and of people who are no staff."""
SERVICE = frozenset({Scope.SUBMIT, Scope.READ, Scope.JUDGE})
"""Of the keys in CODE_EXEC_KEY."""
EVERYTHING = frozenset(Scope)
