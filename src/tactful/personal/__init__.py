"""Rows about people: reading, consent, bounding, splitting.

Nothing in here leaves except through `tactful.privacy.release`.
"""
