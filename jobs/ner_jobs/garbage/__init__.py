"""Garbage: artifacts that nothing living can reach, and what killed attempts left.

A store outlives the specs that filled it. In use are the keys that the
cluster's NerDeployments, the promoted pointers with their histories, and the
last plans of local runs name, and everything that their manifests lead to.
Young objects are kept too. `roots` and `decision` are pure, `cluster` asks the
API server, `collect` lists and deletes.

A key whose artifact was removed is computed again. Promoted pointers and the
models that they name cannot be computed again, so they are never garbage.
"""
