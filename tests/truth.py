"""What programs show at a fake server that tells the truth, and at servers that lie.

FakeJudge0(honest)      programs add up what they read; the tiny programs of probes do what they should
FakeJudge0(lying)       the same, but for one digit
"""

from tests.fakes import Result, exited, printed


def honest(source: bytes, stdin: bytes) -> Result:
    numbers = [int(word) for word in stdin.split()]
    if len(numbers) != 3:
        return printed(b"%d\n" % sum(numbers))
    a, b, code = numbers  # a probe's
    shown = b"%d\n" % (a * b + code)
    return exited(code, shown) if code else printed(shown)


def lying(source: bytes, stdin: bytes) -> Result:
    told = honest(source, stdin)
    wrong = b"%d\n" % (int(told.stdout) + 1)
    return exited(told.exit_code, wrong) if told.exit_code else printed(wrong)


class Wavering:
    """A server's program that can be told to lie, and to stop lying, in some languages."""

    def __init__(self, *lies_in: bytes) -> None:
        """`lies_in`: words that the sources of these languages have."""
        self.lies_in = lies_in

    def __call__(self, source: bytes, stdin: bytes) -> Result:
        lies = any(word in source for word in self.lies_in)
        return lying(source, stdin) if lies else honest(source, stdin)
