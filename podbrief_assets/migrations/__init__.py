"""Bring the operational database to the tables that this release works with.

Belongs here: the one way in which its tables are made and changed (Alembic's revisions in `versions/`), and writing the
next revision.
Doesn't: what the tables are (each package declares its own on `database.Base`).

After changing a table: `python -m podbrief_assets.migrations "what changed"` writes the revision. Read it, since
Alembic sees no CHECK constraint, no rename and no row; the tests in `test_migrations.py` say what is missing.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, MetaData

from podbrief_assets import database
from podbrief_assets.errors import PermanentFailure

FOLDER = Path(__file__).parent


class DatabaseTooNew(PermanentFailure):
    """A newer release has changed the database."""


def upgrade(opened: Engine, revision: str = "head") -> None:
    """Make what is missing and change what is old, in one transaction; several processes may do it at once.

    A database that releases before the first revision made is recognised by its tables and keeps every row. Where
    there is nothing to do it costs one query.

    Raises:
        DatabaseTooNew: The database is at a revision that this release doesn't have.
    """
    scripts = ScriptDirectory.from_config(_config())
    with opened.connect() as connection:
        if _is_at_head(connection, scripts):
            return
    with database.changing_tables(opened) as connection:
        if not _is_at_head(connection, scripts):  # another process may have done it while this one waited
            command.upgrade(_config(connection), revision)


def tables() -> MetaData:
    """Every table that podbrief declares."""
    # Imported so that their tables are known; upgrading needs none of them, and this module must load without them.
    from podbrief_assets.delivery import bounces, ledger  # noqa: PLC0415
    from podbrief_assets.episodes import feed_state, private  # noqa: PLC0415
    from podbrief_assets.insights.llm import batch, budget  # noqa: PLC0415
    from podbrief_assets.subscribers import database as subscribers  # noqa: PLC0415
    from podbrief_assets.subscribers import feedback, forgetting  # noqa: PLC0415

    _ = (batch, bounces, budget, ledger, feed_state, private, subscribers, feedback, forgetting)
    return database.Base.metadata


def write_revision(what: str) -> Path:
    """Write the revision that turns the tables of the last one into those that are declared; its file.

    Args:
        what: What it changes, in a few words.
    """
    scripts = ScriptDirectory.from_config(_config())
    number = len(list(scripts.walk_revisions())) + 1
    opened = database.engine("sqlite://")
    upgrade(opened)
    with database.changing_tables(opened) as connection:
        config = _config(connection)
        config.attributes["tables"] = tables()
        written = command.revision(config, what, autogenerate=True, rev_id=f"r{number:04}")
    if written is None or isinstance(written, list):
        raise AssertionError("one revision was asked for")
    return Path(written.path)


def _is_at_head(connection: Connection, scripts: ScriptDirectory) -> bool:
    at = MigrationContext.configure(connection).get_current_revision()
    known = {one.revision for one in scripts.walk_revisions()}
    if at is not None and at not in known:
        raise DatabaseTooNew(
            f"the operational database is at revision {at}, which this release doesn't know",
            "install the release that was used last",
        )
    return at == scripts.get_current_head()


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    return config
