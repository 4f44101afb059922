"""The operator's hands: it looks at the cluster and writes what `planning` decided; all its I/O is here."""
