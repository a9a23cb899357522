"""Safe to store and ship: models fitted from released statistics. No code in here ever sees a person."""
