"""The command line: `nerd`, and `kubectl nerd`, the same program.

One file is one command. A command imports what it needs when it runs, so that
`nerd --help` and completion stay fast.
"""
