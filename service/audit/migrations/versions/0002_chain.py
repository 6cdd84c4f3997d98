"""The hash chain: a hash in each record, and what was pruned. Records that are there already become its beginning.

Revision: 0002
"""

import sqlalchemy as sa
from alembic import op

from service.audit.chain import START, link
from service.audit.model import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the table, and link the records in the order in which they were written."""
    op.add_column("analysis", sa.Column("chain_sha256", sa.String(64), nullable=True))
    op.create_table(
        "pruned",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("pruned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("chain_sha256", sa.String(64), nullable=False),
    )
    connection = op.get_bind()
    # As the table was at this revision: later ones may have other columns.
    texts = ("request_id", "key_id", "task", "model_name", "model_version", "model_sha256", "label", "refusal")
    table = sa.table(
        "analysis",
        sa.column("id", sa.BigInteger()),
        sa.column("recorded_at", UtcDateTime()),
        *(sa.column(name, sa.String()) for name in (*texts, "chain_sha256")),
        *(sa.column(name, sa.JSON()) for name in ("image_sha256", "probabilities")),
    )
    previous, last_id = START, -1
    while True:
        query = sa.select(table).where(table.c.id > last_id).order_by(table.c.id).limit(500)
        rows = connection.execute(query).mappings().all()
        for row in rows:
            previous = link(previous, dict(row))
            connection.execute(sa.update(table).where(table.c.id == row["id"]).values(chain_sha256=previous))
        if not rows:
            return
        last_id = rows[-1]["id"]


def downgrade() -> None:
    """Drop the chain."""
    op.drop_table("pruned")
    op.drop_column("analysis", "chain_sha256")
