"""What the routes answer from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .artefacts import ArtefactCache
from .bodies import BodyReader
from .callbacks import Callbacks
from .config import EngineConfig
from .queue import SubmissionQueue
from .selftest import Finding
from .slots import Slots
from .toolchain import Language


@dataclass(frozen=True)
class Parts:
    config: EngineConfig
    isolation: str
    languages: Mapping[int, Language]
    slots: Slots
    queue: SubmissionQueue
    artefacts: ArtefactCache
    callbacks: Callbacks
    is_reduced: bool = False
    enforced: tuple[Finding, ...] = ()
    bodies: BodyReader = field(default_factory=BodyReader)
