"""The plan as processes on this machine: reads the spec's files and the store, and runs the stages.

There is no cluster and no container. Only this package and the command line
open the store; `ner_operator.planning` decides.
"""
