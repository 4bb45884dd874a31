"""The values that judging is made of. No rows, no users, no HTTP.

Times are milliseconds (`_ms`), memory is KiB (`_kib`), data is bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum


class Verdict(StrEnum):
    """What judging found. SK exists for a case only: it was not run."""

    AC = "AC"
    WA = "WA"
    TLE = "TLE"
    MLE = "MLE"
    OLE = "OLE"
    RTE = "RTE"
    CE = "CE"
    SK = "SK"


VERDICT_NAMES = {
    Verdict.AC: "Accepted",
    Verdict.WA: "Wrong answer",
    Verdict.TLE: "Time limit exceeded",
    Verdict.MLE: "Memory limit exceeded",
    Verdict.OLE: "Output limit exceeded",
    Verdict.RTE: "Runtime error",
    Verdict.CE: "Compile error",
    Verdict.SK: "Not run",
}


class RunPolicy(StrEnum):
    """Which cases are run once one has failed."""

    FAIL_FAST = "fail_fast"
    RUN_ALL = "run_all"
    FAIL_FAST_PER_GROUP = "fail_fast_per_group"


class ScoringMode(StrEnum):
    """How points become a score of 0–100."""

    WEIGHTED = "weighted"
    ALL_OR_NOTHING = "all_or_nothing"
    VERDICT_MAP = "verdict_map"


class CheckerKind(StrEnum):
    """How an output is compared with the answer."""

    EXACT = "exact"
    TRAILING_WHITESPACE = "trailing_whitespace"
    TOKENS = "tokens"
    CASE_INSENSITIVE = "case_insensitive"
    FLOATS = "floats"
    UNORDERED_LINES = "unordered_lines"


class DifferenceClass(StrEnum):
    """The closed list of what may be said of a difference on a hidden case."""

    WHITESPACE = "whitespace"  # equal but for blanks and line ends
    LETTER_CASE = "letter_case"  # equal but for upper and lower case
    NO_OUTPUT = "no_output"  # nothing was printed where something was expected
    TOO_SHORT = "too_short"  # right as far as it goes
    TOO_LONG = "too_long"  # right, and then goes on
    ORDER = "order"  # the right lines in another order
    PRECISION = "precision"  # a number outside the tolerance
    VALUE = "value"  # anything else


@dataclass(frozen=True)
class Difference:
    """How an output differs from the answer.

    `kind` says nothing about the data. `message` may quote output and answer: it is for public cases only.
    `line` is counted from 1 in the output and `token` from 1 on that line; 0 where they mean nothing.
    """

    kind: DifferenceClass
    message: str
    line: int = 0
    token: int = 0


@dataclass(frozen=True)
class Checker:
    """`absolute` and `relative` are the tolerances of FLOATS; either one suffices. Others ignore them."""

    kind: CheckerKind = CheckerKind.TOKENS
    absolute: float = 0.0
    relative: float = 0.0


@dataclass(frozen=True)
class Scoring:
    """`verdict_points` is what VERDICT_MAP gives for the final verdict; verdicts that it does not name give 0."""

    mode: ScoringMode = ScoringMode.WEIGHTED
    verdict_points: dict[Verdict, Decimal] = field(
        default_factory=lambda: {Verdict.AC: Decimal(100), Verdict.WA: Decimal(30)}
    )


@dataclass(frozen=True)
class Program:
    """Source code in one of `execution.languages`, named by its slug.

    `compiler_options` come after the server's own, in words that need no quotes.
    """

    language: str
    source: bytes
    compiler_options: str = ""


@dataclass(frozen=True)
class Case:
    """One input with its answer, both read only when they are needed.

    `answer` is None where there is nothing to compare with: such a case is AC when the program exits 0 within
    its limits, and it carries no points.
    """

    index: int
    input: Callable[[], bytes]
    answer: Callable[[], bytes] | None
    group: str = ""
    points: Decimal = Decimal(1)
    public: bool = False


@dataclass(frozen=True)
class Limits:
    """What one run may use, before the language's factor and floor; `total_ms` bounds the CPU time of all runs.

    `network`: it may reach other machines, at servers that let programs do so.
    """

    time_ms: int = 1000
    memory_kib: int = 256 * 1024
    output_kib: int = 1024
    total_ms: int = 120_000
    network: bool = False


@dataclass(frozen=True)
class Run:
    """What one execution of a program on one case showed.

    `failure` is None when the program ended by itself with exit code 0 within its limits; the comparison with an
    answer is not the run's business. `output` and `stderr` are cut at the output limit, flagged by `truncated`.
    `compile_output` is the compiler's text (errors, or warnings of a compilation that succeeded).
    """

    failure: Verdict | None
    output: bytes = b""
    stderr: bytes = b""
    compile_output: bytes = b""
    exit_code: int | None = None
    signal: int | None = None
    time_ms: int = 0
    wall_ms: int = 0
    memory_kib: int = 0
    truncated: bool = False
    message: str = ""


@dataclass(frozen=True)
class Submitted:
    """Cases `indexes` are at `backend` under `tokens` (one each, same order)."""

    indexes: tuple[int, ...]
    role: str
    backend: str
    tokens: tuple[str, ...]


@dataclass(frozen=True)
class Judged:
    """One case is decided; `run` is None exactly when it was not run (SK)."""

    index: int
    run: Run | None
    verdict: Verdict
    points: Decimal
    backend: str = ""
    difference: Difference | None = None


@dataclass(frozen=True)
class Finished:
    """All is decided. `score` is 0–100 with two places, None where no case carries points.

    `reason` is empty or a word that explains the verdict: `total_runtime`.
    """

    verdict: Verdict
    score: Decimal | None
    reason: str = ""


Step = Submitted | Judged | Finished
