"""Insights in, scores out: how good each is, what it repeats, and what it is related to."""
