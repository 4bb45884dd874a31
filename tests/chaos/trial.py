"""One trial of the platform: judge every program undisturbed, then many while things break, then look at the rows.

Imported once Django is set up with the stack's database.
"""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django import db

from accounts.models import User
from submissions.models import Submission
from tests.chaos import aftermath, faults, load
from tests.chaos.aftermath import Findings, Life, Outcome, Recovery
from tests.chaos.faults import Stage
from tests.chaos.load import Load, SignedIn
from tests.chaos.programs import CASES, POLICIES, PROGRAMS
from tests.chaos.stack import Stack
from tests.clients import Learner
from tests.factories import make_question

LEARNERS = 6
DRAIN_S = 150.0
"""After this time without a fault, what has not ended is stuck."""


@dataclass(frozen=True)
class Plan:
    submissions: int
    faults: int
    seed: int
    gap_s: float


class Trial:
    def __init__(self, stack: Stack, plan: Plan, say: Callable[[str], None]) -> None:
        self.stack = stack
        self.plan = plan
        self.say = say
        self.stage = Stage(stack, say)

    def run(self) -> bool:
        """Whether everything held; what was found is said."""
        rng = random.Random(self.plan.seed)
        script = faults.drawn(rng, self.plan.faults, self.plan.gap_s)
        tasks = load.drawn(rng, self.plan.submissions, self.plan.gap_s * self.plan.faults)
        learners = self._prepare()
        undisturbed = self._judge_undisturbed(learners[0])
        people = Load(learners, tasks)
        people.start()
        self.stage.play(script)
        people.join()
        calm_at = time.monotonic()
        self._drain()
        drained_s = time.monotonic() - calm_at
        findings = aftermath.examine(undisturbed, people.acknowledged)
        findings.lost += [f"number {task.number} was never taken" for task in people.given_up]
        self._tell(findings, people, drained_s)
        return not findings

    def _prepare(self) -> list[Learner]:
        for slug, policy in POLICIES.items():
            make_question(
                [(f"{given}\n", f"{answer}\n", public) for given, answer, public in CASES],
                slug=slug,
                title=slug,
                run_policy=policy,
            )
        users = [User.objects.create_user(f"learner-{n}") for n in range(1, LEARNERS + 1)]
        return [SignedIn(self.stack.url, user) for user in users]

    def _judge_undisturbed(self, learner: Learner) -> dict[str, Outcome]:
        """Every program once. They must come to what they claim, else there is nothing to compare with."""
        ids = {
            UUID(learner.submit(one.question, one.language, one.numbered(0))): one.name
            for one in PROGRAMS.values()
        }
        for pk in ids:
            learner.wait(str(pk))
        found = aftermath.outcomes(ids)
        assert {name: outcome.verdict for name, outcome in found.items()} == {
            name: program.verdict for name, program in PROGRAMS.items()
        }
        return found

    def _drain(self) -> None:
        deadline = time.monotonic() + DRAIN_S
        while self._unfinished() and time.monotonic() < deadline:
            self.stage.raise_the_fallen()
            time.sleep(0.2)

    def _unfinished(self) -> int:
        try:
            return Submission.objects.unfinished().count()
        except db.Error:
            db.connection.close()
            return self.plan.submissions

    # --- What is told ----------------------------------------------------------------------------------------

    def _tell(self, findings: Findings, people: Load, drained_s: float) -> None:
        for sentence in findings.sentences():
            self.say(sentence)
        self._tell_of_faults()
        backends = {proxy.url: name for name, proxy in self.stack.backends.items()}
        lives = aftermath.lives(backends, self.stack.finishers())
        self._tell_of_times(lives, aftermath.recoveries(lives, self.stage.struck), drained_s)
        again = people.sent_again
        self.say(f"{len(people.acknowledged)} submissions were taken ({again} times one was sent again)")
        self.say(f"seed {self.plan.seed}: {findings}")

    def _tell_of_faults(self) -> None:
        struck = Counter(one.fault.kind for one in self.stage.struck)
        kinds = ", ".join(f"{kind} {times}" for kind, times in sorted(struck.items()))
        self.say(f"{struck.total()} faults: {kinds}")
        if self.stage.fallen:
            self.say(f"ended by themselves and started again: {', '.join(self.stage.fallen)}")

    def _tell_of_times(self, lives: list[Life], recoveries: list[Recovery], drained_s: float) -> None:
        oldest = max(lives, key=lambda life: life.seconds)
        self.say(f"waited for the last ones for {drained_s:.1f} s after the last fault and submission")
        self.say(f"longest from submission to end: {oldest.seconds:.1f} s ({oldest})")
        if recoveries:
            slowest = max(recoveries, key=lambda recovery: recovery.seconds)
            self.say(
                f"longest from the last fault that touched a submission to its end: {slowest.seconds:.1f} s "
                f"({slowest.struck.fault}; {slowest.life})"
            )
