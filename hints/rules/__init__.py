"""What is wrong with a program, by rules: each looks for one mistake, the surest of those that were found is told."""

from hints.evidence import Evidence
from hints.findings import Finding, Rule
from hints.rules import any as anything
from hints.rules import compiling, counting, crashing, passing, printing, reading, slips, timing

MODULES = (passing, compiling, crashing, printing, reading, counting, slips, timing, anything)
RULES: tuple[Rule, ...] = tuple(rule for module in MODULES for rule in module.RULES)


def find(evidence: Evidence) -> Finding:
    """The finding that is surest of itself; among equals the first. There always is one."""
    findings = [finding for rule in RULES if (finding := rule(evidence))]
    return max(findings, key=lambda finding: finding.confidence, default=anything.something(evidence))
