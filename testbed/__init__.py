"""Kubernetes for tests, benchmarks and people: real control planes, fake nodes, one real node.

The programs of Kubernetes run as processes of this machine. Only
`operator_process` knows the operator. Every process carries its cluster's
folder in its environment, so the cluster can be ended from its folder alone.
"""
