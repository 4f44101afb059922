"""The controllers, a folder a kind: observe the cluster, decide (pure), apply what was decided."""
