"""What language models cost."""

import sqlalchemy as sa
from alembic import op

revision = "r0003"
down_revision = "r0002"


def upgrade() -> None:
    """What language models cost."""
    op.create_table(
        "llm_batch",
        sa.Column("batch_id", sa.String(length=200), nullable=False),
        sa.Column("server", sa.String(length=400), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("reserved", sa.BigInteger(), nullable=False),
        sa.Column("reserved_on", sa.Date(), nullable=True),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("collected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_llm_batch")),
    )
    op.create_table(
        "llm_batch_request",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("batch_id", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_llm_batch_request")),
    )
    with op.batch_alter_table("llm_batch_request", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_llm_batch_request_batch_id"), ["batch_id"], unique=False)

    op.create_table(
        "llm_spending",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.Column("reserved", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_llm_spending")),
    )
