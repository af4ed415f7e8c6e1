"""Transcripts in, insights out: advertising removed, claims extracted, each resting on a verbatim quote."""
