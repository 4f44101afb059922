"""Training a token classifier: examples, loss, averaged weights, validation, checkpoints, the loop."""
