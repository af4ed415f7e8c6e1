"""A language model: what it is asked, what it answers, what it may cost.

Belongs here: a room for each: settings, questions, answers, what a server understands, asking, pace, budget, proposals
about a passage, the judge over an episode, the borders of advertising, batches.
Doesn't: the gates that every text must pass (`insights/grounding/`), prices (`insights/prices.py`).

Importing this does not import the client, which takes a second: definitions load without asking anything.
"""

from podbrief_assets.insights.llm.extractor import LlmExtractor
from podbrief_assets.insights.llm.settings import LlmSettings, configured

__all__ = ["LlmExtractor", "LlmSettings", "configured"]
