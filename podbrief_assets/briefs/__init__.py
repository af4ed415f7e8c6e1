"""Scores and interests in, briefs out: the few insights that one subscriber gets today, and why."""
