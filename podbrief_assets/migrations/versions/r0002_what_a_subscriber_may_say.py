"""More states of a subscriber, the hour and format of a mail, muted words, consent, feedback, and being forgotten."""

import sqlalchemy as sa
from alembic import op

revision = "r0002"
down_revision = "r0001"

_MOMENTS = (
    ("subscriber_setting", "valid_from"),
    ("subscriber_wish", "valid_from"),
    ("subscriber_wish", "valid_to"),
)


def upgrade() -> None:
    """Change the settings and wishes, which keep their rows, and make the new tables."""
    with op.batch_alter_table("subscriber") as people:
        people.add_column(sa.Column("changed_at", sa.DateTime(timezone=True)))
    op.execute("UPDATE subscriber SET changed_at = created_at")
    for table, column in _MOMENTS:
        latest = f"SELECT max({column}) FROM {table} WHERE {table}.subscriber_id = subscriber.subscriber_id"
        op.execute(f"UPDATE subscriber SET changed_at = ({latest}) WHERE ({latest}) > changed_at")
    with op.batch_alter_table("subscriber") as people:
        people.alter_column("changed_at", existing_type=sa.DateTime(timezone=True), nullable=False)
    with op.batch_alter_table("subscriber_setting") as settings:
        settings.add_column(sa.Column("hour", sa.Integer))
        settings.add_column(sa.Column("format", sa.String(8)))
        settings.add_column(sa.Column("why", sa.Text))
    op.execute("UPDATE subscriber_setting SET hour = 7, format = 'html'")
    states = "status IN ('pending', 'active', 'paused', 'unsubscribed', 'bounced')"
    with op.batch_alter_table("subscriber_setting") as settings:
        settings.alter_column("hour", existing_type=sa.Integer, nullable=False)
        settings.alter_column("format", existing_type=sa.String(8), nullable=False)
        settings.drop_constraint(op.f("ck_subscriber_setting_status"), type_="check")
        settings.create_check_constraint(op.f("ck_subscriber_setting_status"), states)
        settings.create_check_constraint(op.f("ck_subscriber_setting_hour"), "hour BETWEEN 0 AND 23")
        settings.create_check_constraint(op.f("ck_subscriber_setting_format"), "format IN ('html', 'text')")
    kinds = "kind IN ('interest', 'followed_show', 'muted_show', 'muted_topic', 'muted_word')"
    with op.batch_alter_table("subscriber_wish") as wishes:
        wishes.drop_constraint(op.f("ck_subscriber_wish_kind"), type_="check")
        wishes.create_check_constraint(op.f("ck_subscriber_wish_kind"), kinds)

    op.create_table(
        "consent",
        sa.Column("consent_id", sa.Integer, nullable=False),
        sa.Column("subscriber_id", sa.String(32), nullable=False),
        sa.Column("how", sa.String(16), nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True)),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("how IN ('form', 'import', 'operator', 'double_opt_in')", name=op.f("ck_consent_how")),
        _of_a_subscriber("consent"),
        sa.PrimaryKeyConstraint("consent_id", name=op.f("pk_consent")),
    )
    op.create_index("ix_consent_subscriber_id", "consent", ["subscriber_id"])
    _refuse_changes("consent")
    op.create_table(
        "feedback",
        sa.Column("feedback_id", sa.Integer, nullable=False),
        sa.Column("subscriber_id", sa.String(32), nullable=False),
        sa.Column("insight_id", sa.String(80), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('clicked', 'up', 'down', 'already_knew')", name=op.f("ck_feedback_kind")),
        _of_a_subscriber("feedback"),
        sa.PrimaryKeyConstraint("feedback_id", name=op.f("pk_feedback")),
    )
    op.create_index("ix_feedback_at", "feedback", ["at"])
    op.create_index("ix_feedback_subscriber_id_insight_id", "feedback", ["subscriber_id", "insight_id"])
    op.create_table(
        "suppression",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("key_name", sa.String(16), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_suppression")),
    )
    op.create_table(
        "erasure",
        sa.Column("subscriber_id", sa.String(32), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("cache_keys", sa.JSON, nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("subscriber_id", name=op.f("pk_erasure")),
    )


def _of_a_subscriber(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["subscriber_id"],
        ["subscriber.subscriber_id"],
        name=op.f(f"fk_{table}_subscriber_id_subscriber"),
        ondelete="CASCADE",
    )


def _refuse_changes(table: str) -> None:
    """Rows are added, and go with the person; none is ever changed."""
    said = f"rows of {table} are never changed"
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE FUNCTION {table}_is_never_changed() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$BEGIN RAISE EXCEPTION '{said}'; END$$"
        )
        op.execute(
            f"CREATE TRIGGER {table}_is_never_changed BEFORE UPDATE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION {table}_is_never_changed()"
        )
    else:
        op.execute(
            f"CREATE TRIGGER {table}_is_never_changed BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, '{said}'); END"
        )
