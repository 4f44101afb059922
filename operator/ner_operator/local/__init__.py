"""The plan as processes on this machine: read the spec's files and the store, start the stages.

No cluster and no container. Only this package and the command line may open
the store; the decisions are `ner_operator.planning`'s.
"""
