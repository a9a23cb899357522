"""What runs the gate's SQL: DuckDB, embedded, is the default."""
