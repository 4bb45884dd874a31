"""Every key of Kattis's problem package format, by version, and what becomes of it: docs/packages.md says the same.

Sources: the published specifications legacy, legacy-icpc, 2023-07-draft and 2025-09; keys that problemtools still
reads from packages older than legacy.
"""

from questions.packages.documents import Use

_READ, _KEPT, _IGNORED, _REFUSED = Use.READ, Use.KEPT, Use.IGNORED, Use.REFUSED

_LIMITS = {
    "memory": _READ,
    "output": _READ,
    "code": _READ,
    "compilation_time": _KEPT,
    "compilation_memory": _KEPT,
    "validation_time": _READ,
    "validation_memory": _READ,
    "validation_output": _KEPT,
}
_COMMON = {
    "problem_format_version": _READ,
    "type": _READ,
    "name": _READ,
    "uuid": _READ,
    "source": _READ,
    "license": _READ,
    "rights_owner": _KEPT,
    "limits": _READ,
    "keywords": _READ,
}

LEGACY_PROBLEM = {
    **_COMMON,
    "author": _READ,
    "source_url": _READ,
    "validation": _READ,
    "validator_flags": _READ,
    "grading": _READ,
}
LEGACY_LIMITS = {**_LIMITS, "time_multiplier": _READ, "time_safety_margin": _READ}
LEGACY_GRADING = {
    "objective": _READ,
    "show_test_data_groups": _KEPT,
    "accept_score": _READ,
    "reject_score": _READ,
    "range": _READ,
    "on_reject": _READ,
}
LEGACY_GROUP = {
    "on_reject": _READ,
    "grading": _READ,
    "grader_flags": _READ,
    "input_validator_flags": _KEPT,
    "output_validator_flags": _READ,
    "accept_score": _READ,
    "reject_score": _READ,
    "range": _READ,
}
EARLY_GROUP = {  # of 2023-07 packages, when it was a young draft
    **LEGACY_GROUP,
    "input_validator_args": _KEPT,
    "output_validator_args": _READ,
}

NEWER_PROBLEM = {
    **_COMMON,
    "version": _KEPT,
    "credits": _READ,
    "embargo_until": _KEPT,
    "languages": _READ,
    "allow_file_writing": _KEPT,
    "constants": _READ,
}
CREDITS = {
    "authors": _READ,
    "contributors": _KEPT,
    "testers": _KEPT,
    "translators": _KEPT,
    "packagers": _KEPT,
    "acknowledgements": _KEPT,
}
PERSON = {"name": _READ, "email": _IGNORED, "orcid": _IGNORED, "kattis": _IGNORED}
SOURCE = {"name": _READ, "url": _READ}
NEWER_LIMITS = {
    **_LIMITS,
    "time_multipliers": _READ,
    "time_limit": _READ,
    "time_resolution": _READ,
    "validation_passes": _IGNORED,
}
TIME_MULTIPLIERS = {"ac_to_time_limit": _READ, "time_limit_to_tle": _READ}

_OF_CASES = {
    "args": _REFUSED,
    "input_validator_args": _KEPT,
    "output_validator_args": _READ,
    "full_feedback": _KEPT,
}
_DESCRIBING = {"hint": _READ, "description": _READ}
CASE_2023_07 = {**_OF_CASES, **_DESCRIBING}
GROUP_2023_07 = {
    **_OF_CASES,
    "scoring": _READ,
    "static_validation": _REFUSED,
    "hint": _KEPT,
    "description": _KEPT,
}
SCORING_2023_07 = {"score": _READ, "aggregation": _READ, "require_pass": _READ}

_VISUALIZERS = {"input_visualizer_args": _KEPT, "output_visualizer_args": _KEPT}
CASE_2025_09 = {**_OF_CASES, **_DESCRIBING, **_VISUALIZERS}
GROUP_2025_09 = {
    **_OF_CASES,
    **_VISUALIZERS,
    "max_score": _READ,
    "score_aggregation": _READ,
    "require_pass": _READ,
    "static_validation_score": _REFUSED,
    "static_validator_args": _KEPT,
}

SOLUTION = {
    "language": _READ,
    "entrypoint": _IGNORED,
    "authors": _KEPT,
    "model_solution": _KEPT,
}
EXPECTATION = {
    "permitted": _READ,
    "required": _READ,
    "score": _READ,
    "message": _READ,
    "use_for_time_limit": _READ,
}


def documented() -> dict[tuple[str, str], tuple[Use | None, ...]]:
    """What docs/packages.md must say: (file, key) to its use in legacy, 2023-07 and 2025-09, None: no such key."""
    legacy = _flat("problem.yaml", LEGACY_PROBLEM)
    legacy |= _flat("problem.yaml", LEGACY_LIMITS, "limits.") | _flat(
        "problem.yaml", LEGACY_GRADING, "grading."
    )
    legacy |= _flat("testdata.yaml", LEGACY_GROUP)
    newer = _flat("problem.yaml", NEWER_PROBLEM) | _flat("problem.yaml", NEWER_LIMITS, "limits.")
    newer |= _flat("problem.yaml", TIME_MULTIPLIERS, "limits.time_multipliers.")
    newer |= _flat("problem.yaml", CREDITS, "credits.") | _flat("problem.yaml", SOURCE, "source.")
    newer |= _flat("submissions.yaml", SOLUTION | EXPECTATION)
    draft = newer | _flat("test_group.yaml", GROUP_2023_07) | _flat("CASE.yaml", CASE_2023_07)
    draft |= _flat("test_group.yaml", SCORING_2023_07, "scoring.") | _flat("testdata.yaml", EARLY_GROUP)
    latest = newer | _flat("test_group.yaml", GROUP_2025_09) | _flat("CASE.yaml", CASE_2025_09)
    latest |= _flat("problem.yaml", PERSON, "credits.authors.")
    names = legacy | draft | latest
    return {name: (legacy.get(name), draft.get(name), latest.get(name)) for name in names}


def _flat(file: str, keys: dict[str, Use], within: str = "") -> dict[tuple[str, str], Use]:
    return {(file, within + key): use for key, use in keys.items()}
