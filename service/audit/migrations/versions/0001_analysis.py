"""The first table: one record per analysis.

Revision: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "analysis",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("key_id", sa.String(64), nullable=True),
        sa.Column("task", sa.String(32), nullable=False),
        sa.Column("model_name", sa.String(128), nullable=False),
        sa.Column("model_version", sa.String(64), nullable=False),
        sa.Column("model_sha256", sa.String(64), nullable=False),
        sa.Column("image_sha256", sa.JSON(), nullable=False),
        sa.Column("label", sa.String(32), nullable=True),
        sa.Column("probabilities", sa.JSON(), nullable=True),
        sa.Column("refusal", sa.String(64), nullable=True),
    )
    op.create_index("ix_analysis_recorded_at", "analysis", ["recorded_at"])
    op.create_index("ix_analysis_request_id", "analysis", ["request_id"])


def downgrade() -> None:
    """Drop the table with all records."""
    op.drop_table("analysis")
