"""What must run, and why: pure functions shared by the operator and the command line.

Nothing here reads a file, a store, a cluster or a clock: what was observed
comes in, a plan goes out.
"""
