"""What finetune is made of: examples, their order, the loss, averaged weights, checkpoints, the Trainer."""
