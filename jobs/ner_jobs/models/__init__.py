"""A model folder: what a base model or a checkpoint holds, and the graphs that are made of it."""
