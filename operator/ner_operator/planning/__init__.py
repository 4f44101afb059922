"""What must run, and why: pure functions that the operator and the command line share.

Nothing here reads a file, a store, a cluster or a clock: observations come
in, a plan goes out.
"""
