"""The values that judging is made of. No rows, no users, no HTTP.

Times are milliseconds (`_ms`), memory is KiB (`_kib`), data is bytes.
"""

from collections.abc import Callable, Mapping
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
    LINES = "lines"
    FLOAT_LINES = "float_lines"
    UNORDERED_LINES = "unordered_lines"
    KATTIS = "kattis"  # Kattis's default output validator; its arguments say how strict it is
    PROGRAM = "program"  # the author's own


class DifferenceClass(StrEnum):
    """The closed list of what may be said of a difference on a hidden case."""

    WHITESPACE = "whitespace"  # equal but for blanks and line ends
    LETTER_CASE = "letter_case"  # equal but for upper and lower case
    NO_OUTPUT = "no_output"  # nothing was printed where something was expected
    TOO_SHORT = "too_short"  # right as far as it goes
    TOO_LONG = "too_long"  # right, and then goes on
    ORDER = "order"  # the right lines in another order
    PRECISION = "precision"  # a number outside the tolerance
    CHECKER = "checker"  # the author's checker says no; why, it tells itself
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


class Protocol(StrEnum):
    """How an author's checker is called and answers."""

    KATTIS = "kattis"  # checker input answer feedback/ < output; 42 right, 43 wrong
    TESTLIB = "testlib"  # checker input output answer; 0 right, 1 and 2 wrong, 7 points, 3 its own fault


@dataclass(frozen=True)
class CheckerFile:
    """One file of an author's checker; `path` is relative to the program's directory."""

    path: str
    data: Callable[[], bytes]
    executable: bool = False


@dataclass(frozen=True)
class CheckerProgram:
    """An author's checker: C, C++, Python, or whatever its `build` and `run` scripts make of it.

    `interactive`: it talks with the program instead of reading what that has printed. The limits are those of one
    case; beyond them the checker has failed, which is no verdict.
    """

    files: tuple[CheckerFile, ...]
    protocol: Protocol = Protocol.KATTIS
    interactive: bool = False
    time_ms: int = 20_000
    memory_kib: int = 1024 * 1024
    output_kib: int = 8 * 1024


@dataclass(frozen=True)
class Checker:
    """`absolute` and `relative` are the tolerances of FLOATS and FLOAT_LINES; either one suffices. Others ignore them.

    `arguments` are those of KATTIS and PROGRAM, for cases that do not bring their own; `program` is there exactly for
    PROGRAM.
    """

    kind: CheckerKind = CheckerKind.TOKENS
    absolute: float = 0.0
    relative: float = 0.0
    arguments: tuple[str, ...] = ()
    program: CheckerProgram | None = None


@dataclass(frozen=True)
class Scoring:
    """`verdict_points` is what VERDICT_MAP gives for the final verdict; verdicts that it does not name give 0."""

    mode: ScoringMode = ScoringMode.WEIGHTED
    verdict_points: dict[Verdict, Decimal] = field(
        default_factory=lambda: {Verdict.AC: Decimal(100), Verdict.WA: Decimal(30)}
    )


@dataclass(frozen=True)
class Interactor:
    """An author's checker that a program talks with while it runs (`execution.interaction`).

    `files` is the zip of a multi-file program, `accepts` the exit code with which it leaves the program to its own
    end. The limits are those of one case; a server that has less to give gives what it has. `answers` and
    `arguments` are by the case's index.
    """

    files: bytes
    accepts: int
    time_ms: int
    memory_kib: int
    output_kib: int
    answers: Mapping[int, Callable[[], bytes]] = field(default_factory=dict, hash=False)
    arguments: Mapping[int, tuple[str, ...]] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Program:
    """Source code in one of `execution.languages`, named by its slug.

    `compiler_options` come after the server's own, in words that need no quotes. `files` is the zip of a multi-file
    program (`languages.MULTI_FILE`), which has no source; it is never a learner's. With an `interactor` it is that
    which gets the inputs.
    """

    language: str
    source: bytes
    compiler_options: str = ""
    files: bytes = b""
    interactor: Interactor | None = None


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
    arguments: tuple[str, ...] | None = None  # for the checker; None: the checker's own
    name: str = ""  # the author's, in a package its path


@dataclass(frozen=True)
class Limits:
    """What one run may use, before the language's factor and floor; `total_ms` bounds the CPU time of all runs.

    `time_factors` are the question's own, by language slug and "*" for all others; without any, the platform's hold.
    `network`: it may reach other machines, at servers that let programs do so. `flexible`: a server that has less to
    give than `time_ms`, `memory_kib` or `output_kib` gives what it has; elsewhere that would be unfair.
    """

    time_ms: int = 1000
    memory_kib: int = 256 * 1024
    output_kib: int = 1024
    total_ms: int = 120_000
    network: bool = False
    flexible: bool = False
    time_factors: Mapping[str, float] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Interacted:
    """How the checker that a program talked with has ended, and what it left behind.

    `killed` is the limit that ended it, in the server's words, and `ended_first` whether it ended before the program
    did. `time_ms` is its CPU time. `feedback_complete`: the directory of `files` could be read. `compile_output` is
    there where it does not compile.
    """

    exit_code: int | None = None
    signal: int | None = None
    killed: str = ""
    ended_first: bool = False
    time_ms: int = 0
    files: tuple[tuple[str, bytes], ...] = ()
    feedback_complete: bool = True
    messages: bytes = b""
    compile_output: bytes | None = None


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
    interacted: Interacted | None = None


@dataclass(frozen=True)
class Submitted:
    """Cases `indexes` are at `backend` under `tokens` (one each, same order)."""

    indexes: tuple[int, ...]
    role: str
    backend: str
    tokens: tuple[str, ...]


@dataclass(frozen=True)
class Feedback:
    """What an author's checker left behind for one case: for authors alone, but for `team_message`.

    `files` are the texts it wrote into its feedback directory by name, each cut; `messages` what it printed.
    """

    exit_code: int
    files: tuple[tuple[str, bytes], ...] = ()
    messages: bytes = b""
    team_message: bytes = b""


@dataclass(frozen=True)
class GroupStanding:
    """How a group of cases stands: `verdict` is None until it has ended, SK where nothing of it was run.

    `earned` is so far, with six places; `obtainable` is None where there is no bound.
    """

    path: str
    verdict: Verdict | None
    earned: Decimal
    obtainable: Decimal | None


@dataclass(frozen=True)
class Judged:
    """One case is decided; `run` is None exactly when it was not run (SK). `points` is what the case itself earned.

    `points_so_far` and `score_so_far` are those of the whole with what is judged by now (`Finished` has the last
    ones), `groups` those it is in, from within. `feedback` is there where an author's checker looked at it.
    """

    index: int
    run: Run | None
    verdict: Verdict
    points: Decimal
    backend: str = ""
    difference: Difference | None = None
    feedback: Feedback | None = None
    points_so_far: Decimal = Decimal(0)
    score_so_far: Decimal | None = None
    groups: tuple[GroupStanding, ...] = ()


@dataclass(frozen=True)
class Finished:
    """All is decided. `score` is 0–100 with two places, None where no case carries points or there is no maximum.

    `reason` is empty or a word that explains the verdict: `total_runtime`. `points` is the same as `score` on the
    question's own scale. `decided_by` is the index of the case that made the verdict, None where none did.
    """

    verdict: Verdict
    score: Decimal | None
    reason: str = ""
    points: Decimal = Decimal(0)
    decided_by: int | None = None


Step = Submitted | Judged | Finished
