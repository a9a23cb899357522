"""Measurements on public and synthetic data only: speed beside a peer, and what an attacker gets from models.

Nothing here is about people who asked for privacy: exact metrics and models without noise are allowed in this room and
nowhere else.
"""
