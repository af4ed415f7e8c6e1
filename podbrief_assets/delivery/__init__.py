"""Briefs in, mail out: rendered, handed over at most once, and recorded."""
