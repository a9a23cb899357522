"""The books: an append-only, hash-chained journal. Budgets and approvals are read off it; nothing else is kept."""
