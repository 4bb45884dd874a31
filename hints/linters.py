"""Which linter speaks of which language. No rule is our own, and nothing of a learner is run outside a sandbox.

Python               ruff, in a process of its own that reads nothing but the source
C, C++, Java         the compiler's warnings, in a backend's sandbox
all others           none
"""

from execution.languages import Language
from hints import compilers, ruffling
from hints.remarks import CannotLint as CannotLint
from hints.remarks import Linted as Linted
from hints.remarks import LinterFailed as LinterFailed
from hints.remarks import NoLinter as NoLinter


def lint(language: Language, source: str) -> Linted:
    """Raises NoLinter and LinterFailed, the CannotLint that there are."""
    if language.slug == "python":
        return ruffling.lint(source)
    if compiler := compilers.of(language):
        return compilers.lint(compiler, language, source)
    raise NoLinter(f"There is no linter for {language.name} here.")
