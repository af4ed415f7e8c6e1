"""The tables as they were before there were revisions.

Releases before this one made missing tables and columns when they opened the database, so one may have any part of
these: what is there stays as it is, with its rows. No later revision has to look at what it finds.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import CreateColumn

revision = "r0001"
down_revision = None

_MOMENT = sa.DateTime(timezone=True)
_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def _of_a_subscriber() -> sa.Column[str]:
    return sa.Column(
        "subscriber_id",
        sa.String(32),
        sa.ForeignKey("subscriber.subscriber_id", ondelete="CASCADE"),
        nullable=False,
    )


def _tables() -> sa.MetaData:
    tables = sa.MetaData(naming_convention=_NAMES)
    sa.Table(
        "subscriber",
        tables,
        sa.Column("subscriber_id", sa.String(32), primary_key=True),
        sa.Column("address", sa.String(254), nullable=False),
        sa.Column("address_key", sa.String(254), nullable=False, unique=True),
        sa.Column("created_at", _MOMENT, nullable=False),
    )
    settings = sa.Table(
        "subscriber_setting",
        tables,
        sa.Column("setting_id", sa.Integer, primary_key=True),
        _of_a_subscriber(),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("brief_size", sa.Integer, nullable=False),
        sa.Column("language", sa.String(35)),
        sa.Column("timezone", sa.String(64), nullable=False),
        sa.Column("valid_from", _MOMENT, nullable=False),
        sa.Column("valid_to", _MOMENT),
        sa.CheckConstraint("status IN ('active', 'paused', 'unsubscribed')", name="status"),
        sa.CheckConstraint("brief_size BETWEEN 1 AND 10", name="brief_size"),
        sa.Index("ix_subscriber_setting_subscriber_id_valid_from", "subscriber_id", "valid_from"),
    )
    sa.Index(
        "ix_subscriber_setting_current",
        settings.c.subscriber_id,
        unique=True,
        sqlite_where=settings.c.valid_to.is_(None),
        postgresql_where=settings.c.valid_to.is_(None),
    )
    sa.Table(
        "subscriber_wish",
        tables,
        sa.Column("wish_id", sa.Integer, primary_key=True),
        _of_a_subscriber(),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("value", sa.String(300), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("valid_from", _MOMENT, nullable=False),
        sa.Column("valid_to", _MOMENT),
        sa.CheckConstraint("kind IN ('interest', 'followed_show', 'muted_show', 'muted_topic')", name="kind"),
        sa.Index("ix_subscriber_wish_subscriber_id_kind_position", "subscriber_id", "kind", "position"),
    )
    sa.Table(
        "delivery",
        tables,
        sa.Column("subscriber_id", sa.String(64), primary_key=True),
        sa.Column("date", sa.Date, primary_key=True),
        sa.Column("message_id", sa.String(400), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("attempted_at", _MOMENT, nullable=False),
        sa.Column("finished_at", _MOMENT),
        sa.Column("entries", sa.Integer, nullable=False),
        sa.Column("detail", sa.Text),
        sa.Column("run_id", sa.String(64)),
        sa.Column("claimed_by", sa.String(400), nullable=False),
        sa.Column("idempotent", sa.Boolean, nullable=False),
        sa.CheckConstraint("status IN ('claimed', 'delivered', 'refused', 'unknown', 'cancelled')", name="status"),
        sa.Index("ix_delivery_date_status", "date", "status"),
    )
    sa.Table(
        "feed_state",
        tables,
        sa.Column("address", sa.Text, primary_key=True),
        sa.Column("feed_url", sa.Text, nullable=False),
        sa.Column("fetched_url", sa.Text),
        sa.Column("former_urls", sa.JSON, nullable=False),
        sa.Column("show_id", sa.Text, index=True),
        sa.Column("note", sa.Text),
        sa.Column("etag", sa.Text),
        sa.Column("last_modified", sa.Text),
        sa.Column("body_digest", sa.Text),
        sa.Column("title", sa.Text),
        sa.Column("author", sa.Text),
        sa.Column("link", sa.Text),
        sa.Column("language", sa.Text),
        sa.Column("image_url", sa.Text),
        sa.Column("description", sa.Text),
        sa.Column("categories", sa.JSON, nullable=False),
        sa.Column("blocked", sa.Boolean, nullable=False),
        sa.Column("first_scanned_at", _MOMENT),
        sa.Column("last_success_at", _MOMENT),
        sa.Column("failures_in_a_row", sa.Integer, nullable=False),
        sa.Column("last_error", sa.Text),
        sa.Column("next_try_at", _MOMENT),
        sa.Column("retired", sa.Boolean, nullable=False),
        sa.Column("failing_since", _MOMENT),
        sa.Column("podcast_guid", sa.Text),
        sa.Column("license", sa.Text),
        sa.Column("locked", sa.Boolean),
    )
    sa.Table(
        "sealed_addresses",
        tables,
        sa.Column("sealed", sa.Text, primary_key=True),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("first_seen_at", _MOMENT),
    )
    return tables


def upgrade() -> None:
    """Make the tables that are missing, and the columns that older releases lacked."""
    connection = op.get_bind()
    tables = _tables()
    tables.create_all(connection)
    for table in tables.sorted_tables:
        have = {column["name"] for column in sa.inspect(connection).get_columns(table.name)}
        for column in table.columns:
            if column.name not in have:
                stated = CreateColumn(column).compile(dialect=connection.dialect)
                op.execute(f"ALTER TABLE {table.name} ADD COLUMN {stated}")
        for index in table.indexes:
            index.create(connection, checkfirst=True)
