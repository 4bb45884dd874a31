"""What compilers and runtimes have said of wrong programs, shortened behind what matters: gcc 12, OpenJDK 17,
Python 3.11 and Node.js 20, as the engine tells it. One file for each module of rules.

    ### name rule line [signal=N | exit=N] [input=…] [warned]      line: -, where none is told
    the program
    ---
    the words: the compiler's, or those on standard error (`warned`: the compiler's warnings)
"""

from dataclasses import dataclass
from pathlib import Path

from execution import languages
from execution.languages import Language
from execution.types import Verdict
from hints.evidence import Evidence, SeenCase


@dataclass(frozen=True)
class Recording:
    """`exit_code` and `signal` are both None of what did not compile."""

    name: str
    rule: str
    line: int | None
    source: str
    words: str
    exit_code: int | None = None
    signal: int | None = None
    input: str = ""
    is_warned: bool = False

    @property
    def language(self) -> Language:
        return languages.get(self.name.partition("/")[0])

    @property
    def evidence(self) -> Evidence:
        if self.exit_code is None and self.signal is None:
            return Evidence(
                language=self.language, source=self.source, verdict=Verdict.CE, compile_output=self.words
            )
        return Evidence(
            language=self.language,
            source=self.source,
            verdict=Verdict.RTE,
            compile_output=self.words if self.is_warned else "",
            cases=(self._case,),
        )

    @property
    def _case(self) -> SeenCase:
        return SeenCase(
            index=1,
            is_public=True,
            verdict=Verdict.RTE,
            input=self.input,
            answer="",
            output="",
            stderr="" if self.is_warned else self.words,
            exit_code=self.exit_code,
            signal=self.signal,
        )


def recordings(module: str) -> list[Recording]:
    text = (Path(__file__).parent / f"{module}.txt").read_text()
    return [_recording(part) for part in text.split("### ")[1:]]


def _recording(part: str) -> Recording:
    head, _, rest = part.partition("\n")
    source, _, words = rest.partition("---\n")
    name, rule, line, *others = head.split()
    more = {key: value for key, _, value in (other.partition("=") for other in others)}
    return Recording(
        name=name,
        rule=rule,
        line=None if line == "-" else int(line),
        source=source,
        words=words,
        exit_code=int(more["exit"]) if "exit" in more else None,
        signal=int(more["signal"]) if "signal" in more else None,
        input=more.get("input", "").encode().decode("unicode_escape"),
        is_warned="warned" in more,
    )
