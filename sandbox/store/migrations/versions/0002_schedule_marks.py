"""Launch plans remember up to when their schedule was kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("launch_plans", sa.Column("scheduled_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("launch_plans", "scheduled_until")
