"""How long a large archive of packages takes to be imported, and how much memory.

    python benchmarks/packages.py [--json] [--packages N] [--cases N] [--mb N]

N packages (100) with so many testcases (5000) and megabytes (500) altogether are written into a folder, half of them
as zips; then `manage.py import_package` imports them into an empty database (DATABASE_URL, or SQLite), and once more
when nothing has changed. Memory is the most that the process had resident.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

sys.path.pop(0)  # this directory, in which `platform` is not the standard library's
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psutil

from benchmarks.figures import Figure, at_most, not_measured, show

ROOT = Path(__file__).resolve().parent.parent
GOAL_S = 300
GOAL_MIB = 500
PROBLEM = """\
problem_format_version: legacy
name: Package {number}
license: public domain
"""
STATEMENT = "\\problemname{{Package {number}}}\n\nPrint the input again.\n"
SOLUTION = "import sys\nsys.stdout.write(sys.stdin.read())\n"


@dataclass(frozen=True)
class Import:
    """`lines` are what it printed."""

    seconds: float
    mib: float
    lines: list[dict[str, object]]


def write_packages(folder: Path, *, packages: int, cases: int, mb: int) -> None:
    """Cases differ much in size, and what is in them does not compress well."""
    chance = random.Random(8)  # noqa: S311
    weights = [chance.paretovariate(1.2) for _ in range(cases)]
    share = mb * 1_000_000 / 2 / sum(weights)
    for number in range(packages):
        own = weights[number::packages]
        package = folder / f"{number // 10}0s" / f"package-{number}"
        write_package(package, number, [max(8, int(weight * share)) for weight in own], chance)
        if number % 2:
            pack(package)


def write_package(folder: Path, number: int, sizes: list[int], chance: random.Random) -> None:
    texts = {
        "problem.yaml": PROBLEM.format(number=number),
        "problem_statement/problem.en.tex": STATEMENT.format(number=number),
        "submissions/accepted/again.py": SOLUTION,
    }
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    for place, size in enumerate(sizes):
        case = folder / "data" / ("secret" if place else "sample") / f"{place:03}"
        case.parent.mkdir(parents=True, exist_ok=True)
        half = chance.randbytes(min(size, 10_000_000) // 2 + 1)
        case.with_suffix(".in").write_bytes(half.hex().encode())
        case.with_suffix(".ans").write_bytes(half.hex().encode()[::-1])


def pack(folder: Path) -> None:
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder.parent))
    shutil.rmtree(folder)


def bring_in(folder: Path, environment: dict[str, str]) -> Import:
    """Raises RuntimeError where the command does not end well."""
    began = time.monotonic()
    command = [sys.executable, "manage.py", "import_package", str(folder), "--json"]
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out)
        most = 0
        while process.poll() is None:
            most = max(most, resident(process.pid))
            time.sleep(0.02)
        seconds = time.monotonic() - began
        out.seek(0)
        lines = [json.loads(line) for line in out.read().splitlines()]
    if process.returncode != 0:
        raise RuntimeError(
            "; ".join(str(line["error"]) for line in lines if line["error"])[:500] or "it failed"
        )
    return Import(seconds, most / 2**20, lines)


def resident(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)  # type: ignore[no-untyped-call]
    except psutil.NoSuchProcess:
        return 0


def measure(folder: Path, var: Path) -> list[Figure]:
    environment = os.environ | {"VAR_DIR": str(var), "DJANGO_SETTINGS_MODULE": "judgeplatform.settings"}
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
    try:
        first, again = bring_in(folder, environment), bring_in(folder, environment)
    except RuntimeError as error:
        return [not_measured("import", str(error))]
    cases = sum(int(str(line["cases"])) for line in first.lines)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
    how = f"{len(first.lines)} packages, {cases} testcases, {size:.0f} MB on disk"
    return [
        at_most("import", first.seconds, "s", GOAL_S, how),
        at_most("memory", first.mib, "MiB", GOAL_MIB, "the most that was resident"),
        at_most("import again, unchanged", again.seconds, "s", GOAL_S, "every file is read and compared"),
        at_most("memory, again", again.mib, "MiB", GOAL_MIB, "the most that was resident"),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--packages", type=int, default=100)
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--mb", type=int, default=500)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder, var = Path(scratch) / "packages", Path(scratch) / "var"
        write_packages(folder, packages=given.packages, cases=given.cases, mb=given.mb)
        figures = measure(folder, var)
    show(figures, as_json=given.json)
    return 0 if all(one.ok for one in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
