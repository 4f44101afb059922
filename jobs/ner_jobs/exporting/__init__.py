"""What export is made of: opening a checkpoint, its graphs, and how far they are from it."""
