"""Who reads, and what they asked for. Addresses stay in the operational database; the lake sees vectors."""
