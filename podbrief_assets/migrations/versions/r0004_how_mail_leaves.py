"""When a brief was begun to be handed over, days that are held back, and what bounced."""

import sqlalchemy as sa
from alembic import op

revision = "r0004"
down_revision = "r0003"


def upgrade() -> None:
    """Add a column to the deliveries, which keep their rows, and make the new tables."""
    with op.batch_alter_table("delivery") as deliveries:
        deliveries.add_column(sa.Column("begun_at", sa.DateTime(timezone=True)))
    op.create_table(
        "delivery_hold",
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("date", name=op.f("pk_delivery_hold")),
    )
    op.create_table(
        "bounce",
        sa.Column("subscriber_id", sa.String(64), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("subscriber_id", "date", name=op.f("pk_bounce")),
    )
