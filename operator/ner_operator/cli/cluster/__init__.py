"""The forms of commands that speak to a cluster: what they read, what they write, how they show it.

A command takes a NAME for a NerDeployment of the cluster, or `-f FILE` for a
spec here, as kubectl's own commands do. The cluster is reached through
kubectl: whatever kubeconfig, context, login or proxy a person uses there is
used here, and nothing has to be installed twice.
"""
