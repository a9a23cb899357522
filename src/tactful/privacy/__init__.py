"""The only way out: events, accountant, budget ledger, noise, release."""
