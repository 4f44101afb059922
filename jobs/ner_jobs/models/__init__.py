"""Model folders: base models, checkpoints, and the graphs made from them."""
