"""The lake as analysts meet it: one DuckDB file of commented views."""
