"""Episodes in, timed words out: publishers' transcript files, and speech recognition where there is none."""

from podbrief_assets.transcripts.segment import Segment, duration_s, is_timed, segments_of

__all__ = ["Segment", "duration_s", "is_timed", "segments_of"]
