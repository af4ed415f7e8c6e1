"""What Alembic runs to upgrade or compare: on the connection that `migrations` hands over, within its transaction."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from podbrief_assets.database import Moment


def render_item(kind: str, item: Any, _: AutogenContext) -> str | Literal[False]:
    """A revision says what a moment is in the database, so that no later change of `Moment` changes it."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, Moment) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes.get("tables"),
    render_as_batch=True,  # SQLite alters a table only by making it anew
    render_item=render_item,
)
with context.begin_transaction():
    context.run_migrations()
