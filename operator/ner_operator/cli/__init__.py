"""The command line: `nerd`, and `kubectl nerd`, the same program.

A command is a file. Each imports what it needs when it runs, so that
`nerd --help` and completion stay fast.
"""
