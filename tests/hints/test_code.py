"""What rules read of a program's text."""

import warnings

from execution import languages
from hints import code
from hints.measures import NAME


def test_what_the_parser_warns_of_is_said_of_no_file_so_nobody_prints_the_learners_line():
    """Newer Pythons quote it on standard error; `measures` ignores what is said of a program by this name."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tree = code.read(r"print('\d secret')", languages.get("python")).tree

    assert tree is not None
    assert {warning.filename for warning in caught} == {NAME}


def test_comments_are_no_code_in_languages_that_begin_them_with_slashes():
    for language in ("c", "cpp", "java", "javascript", "go", "php"):
        program = code.read("total = 1; // sum / n\n", languages.get(language))

        assert program.bare == "total = 1;           \n", language
