"""The shapes in which publishers offer transcripts, one module for each family of them.

Belongs here: parsers from text to cues, and what all of them need (`cues.py`, `decoding.py`, `speakers.py`,
`settling.py`).
Doesn't: the choice among them (`transcripts/publisher.py`).
"""
