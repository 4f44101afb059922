"""Garbage: artifacts that nothing living can reach, and what killed attempts left.

A store outlives the specs that filled it. Living are the NerDeployments of
the cluster, the promoted pointers with their histories, and the last plans of
local runs; whatever they reach through the inputs of manifests stays, and so
does what is young. `decision` and `roots` say so without touching anything;
`living` asks the API server; `collect` lists and deletes.

Nothing is lost for ever but time: a key whose artifact is gone is computed
again. What time cannot bring back, the promoted pointers and what they name,
is never garbage.
"""
