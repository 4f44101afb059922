"""The operator's hands: it looks at the cluster, and writes what `planning` decided.

All I/O with the API server is here.
"""
