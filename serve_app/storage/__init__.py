"""What must outlive processes: snapshots, feedback, counts and events, in SQLite or PostgreSQL.

Importing a store is cheap: SQLAlchemy comes with the first use that needs it, Alembic only
where tables have to be made.
"""
