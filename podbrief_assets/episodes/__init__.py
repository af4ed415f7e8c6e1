"""Shows in, episodes out: reading feeds, and remembering every item that was ever seen."""
