"""Problem packages in their published formats: folders and zips, read as values and written again. No rows here.

    folder or zip ──tree──▶ Tree ──kattis, polygon, dmoj, plain──▶ Package ──questions.importing──▶ rows
                                                                   rows ──questions.exporting──▶ zip

`read` finds out which format it is.
"""

from questions.packages import dmoj, kattis, plain, polygon
from questions.packages.tree import Tree
from questions.packages.values import Package, PackageRefused

READERS = {"problem.yaml": kattis.read, "problem.xml": polygon.read, "init.yml": dmoj.read}


def read(tree: Tree) -> Package:
    """By the file that describes it, the first of READERS; without any, as plain testcases.

    Raises PackageRefused, which says what was looked for where there is neither.
    """
    for name, reader in READERS.items():
        if name in tree.files:
            return reader(tree)
    if any(path.startswith("data/secret/") for path in tree.files):
        raise PackageRefused("problem.yaml", "is missing, but there are cases below data/secret")
    if not plain.has_cases(tree):
        raise PackageRefused(
            "", f"neither {', '.join(READERS)} nor testcases such as {plain.LOOKED_FOR} are in it"
        )
    return plain.read(tree)
