"""Why judging could not be done. None of these is ever a learner's verdict.

JudgingError
├── BackendUnavailable      this backend cannot be used now: try another, or later
│   ├── BackendForbids      it does not let us in (401, 403, 404, a redirect): its settings or ours are wrong
│   └── NoBackend           none of them can
├── BackendBusy             it is full: wait, or try another; it is not broken
│   └── OwnCapReached       it has as many of our own runs as we allow
├── BackendRejected         it understood the program and refused it (400, 422): trying elsewhere is of no use
├── CheckerFailed           the author's checker crashed, hung, or answered something else: its author must mend it
├── BackendFault            it took the program and then failed (status 13, garbage): try once elsewhere
└── BackendLacks            it does not have what the program needs; another one may
    ├── LanguageUnavailable the language
    ├── LimitsUnavailable   so much time, memory or output
    ├── InteractionUnavailable   a way to let a program talk with a checker
    └── OptionsUnavailable  options for the compiler
"""


class JudgingError(Exception):
    """`code` is stable and for machines; the text is for people and never quotes a learner's or author's data."""

    code = "judging_error"


class BackendUnavailable(JudgingError):
    code = "judge_unavailable"


class BackendForbids(BackendUnavailable):
    pass


class NoBackend(BackendUnavailable):
    pass


class BackendBusy(JudgingError):
    """`retry_after_s` is what the backend asked for, None where it did not say."""

    code = "judge_busy"

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class OwnCapReached(BackendBusy):
    pass


class BackendRejected(JudgingError):
    code = "judge_rejected"


class BackendFault(JudgingError):
    code = "judge_fault"


class BackendLacks(JudgingError):
    pass


class LanguageUnavailable(BackendLacks):
    code = "language_unavailable"


class LimitsUnavailable(BackendLacks):
    code = "limits_unavailable"


class InteractionUnavailable(BackendLacks):
    code = "interaction_unavailable"


class CheckerFailed(JudgingError):
    """`case` is the index of the case at which it failed, None where it did not even compile. `notes` are what the
    author needs to mend it (exit code, messages, compiler output); they may quote hidden data: for authors alone.
    """

    code = "checker_failed"

    def __init__(self, message: str, *, case: int | None = None, notes: str = "") -> None:
        super().__init__(message)
        self.case = case
        self.notes = notes


class OptionsUnavailable(BackendLacks):
    """No submission ends with it: what is judged has no options."""


CODES = (
    JudgingError.code,
    BackendUnavailable.code,
    BackendBusy.code,
    BackendRejected.code,
    BackendFault.code,
    LanguageUnavailable.code,
    LimitsUnavailable.code,
    InteractionUnavailable.code,
    CheckerFailed.code,
)
"""All that there are."""
