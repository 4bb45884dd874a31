"""docs/packages.md and the reader of Kattis's format say the same of every key, both ways."""

from questions.packages import kattis, kattis_keys, kattis_metadata, kattis_submissions
from tests.packages.test_formats_described import section

TITLE = "Kattis and ICPC"


def test_every_key_is_described_as_it_is_used_in_each_version() -> None:
    _, _, rest = section(TITLE).partition("| File | Key |")
    rows = [row.split("|") for row in rest.partition("\n\n")[0].splitlines()[2:]]
    said = {
        (row[1].strip(" `"), row[2].strip(" `")): tuple(cell.strip() for cell in row[3:6]) for row in rows
    }
    assert len(said) == len(rows)
    assert said == {
        name: tuple("–" if use is None else use.value for use in uses)
        for name, uses in kattis_keys.documented().items()
    }


def test_versions_folders_and_words_of_annotations_are_described() -> None:
    page = section(TITLE)
    folders = {*kattis.FOLDERS, *kattis_submissions.FOLDERS} - {"data"}
    for word in (*kattis_metadata.VERSIONS, *folders):
        assert f"`{word}`" in page, word
    kattis_own = {"ACCEPTED", "TIME-LIMIT-EXCEEDED", "RUN-TIME-ERROR"}
    assert all(f"`{word}`" in page for word in kattis_submissions.ANNOTATED.keys() - kattis_own)
