"""`python -m tests.chaos [--submissions N] [--faults N] [--seed N] [--gap S] [--keep]`: is anything lost?

Starts a platform of its own, breaks it in every way while learners submit, and says what became of it. Exit code 1
if a promise did not hold; the logs of all processes are then kept.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import django

from tests.chaos.stack import Stack


def main() -> int:
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is then stopped in order
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {line}", flush=True)

    directory = Path(tempfile.mkdtemp(prefix="judge-chaos-"))
    say(
        f"seed {options.seed}: {options.submissions} submissions, {options.faults} faults; logs in {directory}"
    )
    held = False
    try:
        with Stack(directory) as stack:
            held = try_out(stack, options, say)
    finally:
        if held and not options.keep:
            shutil.rmtree(directory, ignore_errors=True)
    return 0 if held else 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--submissions", type=int, default=300)
    parser.add_argument("--faults", type=int, default=40)
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="the same faults again")
    parser.add_argument("--gap", type=float, default=4.5, help="seconds between two faults")
    parser.add_argument("--keep", action="store_true", help="keep the logs in any case")
    return parser.parse_args()


def try_out(stack: Stack, options: argparse.Namespace, say) -> bool:
    os.environ |= stack.environment | {
        "DJANGO_SETTINGS_MODULE": "judgeplatform.settings",
        "LOG_LEVEL": "WARNING",
    }
    django.setup()
    from tests.chaos.trial import Plan, Trial  # models can be imported only now

    plan = Plan(options.submissions, options.faults, options.seed, options.gap)
    return Trial(stack, plan, say).run()


if __name__ == "__main__":
    sys.exit(main())
