"""Writes problem packages into a folder, in a few words; the packages at the end have been thought through.

    package = KattisPackage(tmp_path / "sum")                   # version="2023-07-draft" for the other format
    package.case("sample/1", "1 2\n", "3\n").case("secret/small/1", "3 4\n", "7\n")
    package.group("secret/small", on_reject="continue")         # testdata.yaml, or test_group.yaml
    package.solution("accepted/sum.py", RIGHT)
    package.folder                                              # its Path; package.zipped() writes a zip beside it

What is sure to be needed is there from the start: problem.yaml, an English statement, an input validator. Everything
returns the package, and writing a file again replaces it.
"""

import zipfile
from pathlib import Path
from typing import Any, Self

import yaml

LEGACY = "legacy"
NEWER = "2023-07-draft"
VERSIONS = (LEGACY, NEWER)

UUID = "5ca6ba5b-36d5-4eff-8aa7-d967cbc4375e"

# All of them are given two numbers a line until the input ends, and print their sums.
RIGHT = "import sys\nfor line in sys.stdin:\n    print(sum(map(int, line.split())))\n"
RIGHT_CPP = (
    "#include <iostream>\n"
    "int main() { long long a, b; while (std::cin >> a >> b) std::cout << a + b << '\\n'; }\n"
)
WRONG = "import sys\nfor line in sys.stdin:\n    a, b = map(int, line.split())\n    print(a - b)\n"
WRONG_WHEN_LARGE = (
    "import sys\nfor line in sys.stdin:\n    a, b = map(int, line.split())\n"
    "    print(a + b if max(a, b) < 1000 else 0)\n"
)
SLOW = "while True:\n    pass\n"
SLOW_WHEN_LARGE = (
    "import sys\nfor line in sys.stdin:\n    a, b = map(int, line.split())\n"
    "    while max(a, b) >= 1000:\n        pass\n    print(a + b)\n"
)
CRASH = "raise SystemExit(1)\n"
GREEDY = "data = bytearray(8 << 30)\nprint(len(data))\n"
FLOOD = "import sys\nwhile True:\n    sys.stdout.write('7' * 65536)\n"

# Checkers in Kattis's protocol: input answer feedback/ < output; 42 is right, 43 wrong.
SAME_TOKENS = (
    "import sys\n"
    "answer = open(sys.argv[2]).read().split()\n"
    "sys.exit(42 if sys.stdin.read().split() == answer else 43)\n"
)
HALF_POINTS = (
    "import sys\n"
    "answer = open(sys.argv[2]).read().split()\n"
    "if sys.stdin.read().split() != answer:\n    sys.exit(43)\n"
    "open(sys.argv[3] + '/score.txt', 'w').write('0.5')\n"
    "sys.exit(42)\n"
)
GUESSING_GAME = (
    "import sys\n"
    "secret = int(open(sys.argv[1]).read())\n"
    "for _ in range(10):\n"
    "    line = sys.stdin.readline()\n"
    "    if not line.strip().isdigit():\n        sys.exit(43)\n"
    "    guess = int(line)\n"
    "    if guess == secret:\n        print('correct', flush=True)\n        sys.exit(42)\n"
    "    print('lower' if guess > secret else 'higher', flush=True)\n"
    "sys.exit(43)\n"
)
GUESSES_WELL = (
    "low, high = 1, 1000\n"
    "while True:\n"
    "    middle = (low + high) // 2\n"
    "    print(middle, flush=True)\n"
    "    said = input()\n"
    "    if said == 'correct':\n        break\n"
    "    if said == 'lower':\n        high = middle - 1\n"
    "    else:\n        low = middle + 1\n"
)
GUESSES_BADLY = (
    "for guess in range(1, 1001):\n"
    "    print(guess, flush=True)\n"
    "    if input() == 'correct':\n        break\n"
)


class KattisPackage:
    """`problem` are further keys of problem.yaml; one that is None is left out."""

    def __init__(self, folder: Path, version: str = LEGACY, **problem: Any) -> None:
        self.folder = folder
        self.is_legacy = version.startswith("legacy")
        usual: dict[str, Any] = {"problem_format_version": version, "name": "The Sum", "uuid": UUID}
        self.yaml("problem.yaml", {**usual, **problem})
        self.statement("Print the sum of each line.\n")
        self.write("input_validators/any.py", "raise SystemExit(42)\n")

    def write(self, path: str, content: str | bytes, *, executable: bool = False) -> Self:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        if executable:
            target.chmod(0o755)
        return self

    def yaml(self, path: str, keys: dict[str, Any]) -> Self:
        said = {key: value for key, value in keys.items() if value is not None}
        return self.write(path, yaml.safe_dump(said, sort_keys=False, allow_unicode=True))

    def without(self, path: str) -> Self:
        (self.folder / path).unlink()
        return self

    def statement(self, text: str, language: str = "en") -> Self:
        """Markdown; in the legacy format LaTeX with the problem's name before it."""
        if self.is_legacy:
            return self.write(
                f"problem_statement/problem.{language}.tex", f"\\problemname{{The Sum}}\n\n{text}"
            )
        return self.write(f"statement/problem.{language}.md", text)

    def case(self, name: str, given: str, answer: str, **keys: Any) -> Self:
        """`keys` are those of the case's own YAML file (2023-07)."""
        self.write(f"data/{name}.in", given).write(f"data/{name}.ans", answer)
        return self.yaml(f"data/{name}.yaml", keys) if keys else self

    def group(self, path: str, **keys: Any) -> Self:
        """`path` is below data, "" for data itself."""
        name = "testdata.yaml" if self.is_legacy else "test_group.yaml"
        return self.yaml("/".join(filter(None, ["data", path, name])), keys)

    def solution(self, path: str, source: str) -> Self:
        return self.write(f"submissions/{path}", source)

    def checker(self, source: str, name: str = "check.py") -> Self:
        """A program of one file; whoever wants more writes into `checker_folder`."""
        return self.write(f"{self.checker_folder}/{name}", source)

    @property
    def checker_folder(self) -> str:
        return "output_validators/check" if self.is_legacy else "output_validator/check"

    def zipped(self) -> Path:
        """A zip beside it with the folder in it, as Kattis wants it."""
        target = self.folder.with_suffix(".zip")
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(self.folder.rglob("*")):
                archive.write(path, path.relative_to(self.folder.parent))
        return target


def sums(folder: Path, version: str = LEGACY, **problem: Any) -> KattisPackage:
    """Pass-fail: a sample, a small and a large secret case; one right solution. Small and quick."""
    return (
        KattisPackage(folder, version, **{**_limits(version), **problem})
        .write(".timelimit", "1\n")
        .case("sample/1", "1 2\n", "3\n")
        .case("secret/1-small", "3 4\n", "7\n")
        .case("secret/2-large", "1000 2000\n", "3000\n")
        .solution("accepted/right.py", RIGHT)
    )


def _limits(version: str) -> dict[str, Any]:
    limits: dict[str, Any] = {"memory": 128, "output": 1}
    return {"limits": limits if version.startswith("legacy") else {**limits, "time_limit": 0.5}}


def every_verdict(folder: Path, version: str = LEGACY) -> KattisPackage:
    """`sums` with a solution in each folder that the format knows, and of each kind of failing."""
    package = (
        sums(folder, version)
        .solution("accepted/right.cpp", RIGHT_CPP)
        .solution("wrong_answer/minus.py", WRONG)
        .solution("wrong_answer/large.py", WRONG_WHEN_LARGE)
        .solution("time_limit_exceeded/large.py", SLOW_WHEN_LARGE)
        .solution("run_time_error/crash.py", CRASH)
        .solution("run_time_error/greedy.py", GREEDY)
        .solution("rejected/minus.py", WRONG)
        .solution("mixed/either.py", "# @EXPECTED_RESULTS@: WRONG-ANSWER, TIMELIMIT\n" + WRONG_WHEN_LARGE)
        .solution("compiler_error/broken.c", "/* @EXPECTED_RESULTS@: COMPILER-ERROR */\nint main( {}\n")
        .solution("mixed/flood.py", "# @EXPECTED_RESULTS@: OUTPUT-LIMIT\n" + FLOOD)
        .solution("accepted/right.kt", "fun main() {}\n")
    )
    if not package.is_legacy:
        package.solution("brute_force/large.py", SLOW_WHEN_LARGE).yaml(
            "submissions/submissions.yaml",
            {
                "wrong_answer/large.py": {
                    "{sample,secret/*-small}": {"permitted": ["AC"]},
                    "secret/*-large": {"required": ["WA"]},
                }
            },
        )
    return package


def subtasks(folder: Path, version: str = LEGACY) -> KattisPackage:
    """Scoring: 30 points for the small numbers, 70 for the large ones; one solution gets 30."""
    package = KattisPackage(folder, version, type="scoring", **_limits(version)).write(".timelimit", "1\n")
    if package.is_legacy:
        package.group("", grader_flags="ignore_sample", on_reject="continue", range="0 100")
        package.group("secret", on_reject="continue", grader_flags="accept_if_any_accepted")
        package.group("secret/1-small", grader_flags="min", accept_score=30, range="0 30")
        package.group("secret/2-large", grader_flags="min", accept_score=70, range="0 70")
        package.solution("partially_accepted/small.py", "# @EXPECTED_SCORE@: 30\n" + WRONG_WHEN_LARGE)
    else:
        package.group("secret", scoring={"score": 100, "aggregation": "sum"})
        package.group("secret/1-small", scoring={"score": 30})
        package.group("secret/2-large", scoring={"score": 70, "require_pass": "secret/1-small"})
        package.solution("partial/small.py", WRONG_WHEN_LARGE).yaml(
            "submissions/submissions.yaml", {"partial": {"permitted": ["AC", "WA"], "score": 30}}
        )
    return (
        package.case("sample/1", "1 2\n", "3\n")
        .case("secret/1-small/1", "3 4\n", "7\n")
        .case("secret/1-small/2", "5 6\n", "11\n")
        .case("secret/2-large/1", "1000 1\n", "1001\n")
        .case("secret/2-large/2", "4000 5\n", "4005\n")
        .solution("accepted/right.py", RIGHT)
    )


def checked(folder: Path, version: str = LEGACY, source: str = SAME_TOKENS) -> KattisPackage:
    """`sums` with its author's checker, in Python."""
    validation = {"validation": "custom"} if version.startswith("legacy") else {}
    return sums(folder, version, **validation).checker(source).solution("wrong_answer/minus.py", WRONG)


def guessing(folder: Path, version: str = LEGACY) -> KattisPackage:
    """Interactive: guess a number of 1–1000 within ten tries."""
    kind = {"validation": "custom interactive"} if version.startswith("legacy") else {"type": "interactive"}
    return (
        KattisPackage(folder, version, **kind, **_limits(version))
        .write(".timelimit", "2\n")
        .statement("Guess the number.\n")
        .write("data/sample/1.interaction", ">500\n<lower\n>250\n<correct\n")
        .case("secret/1", "42\n", "42\n")
        .case("secret/2", "1000\n", "1000\n")
        .checker(GUESSING_GAME)
        .solution("accepted/halves.py", GUESSES_WELL)
        .solution("wrong_answer/one_by_one.py", GUESSES_BADLY)
    )
