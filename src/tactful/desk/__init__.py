"""The privacy officer's desk: one person at a time, or counts of all; exact, and inside the trust boundary."""
