"""May a candidate be promoted, and the pointer to the promoted model: evidence, gates, decision, move."""
