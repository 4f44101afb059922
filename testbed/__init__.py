"""Kubernetes itself, for tests, benchmarks and people: real control planes, fake nodes, one real node.

Nothing here but `operator_process` knows the operator; what runs else is
Kubernetes' own programs, each as a process of this machine. Everything that is
started is written down in the cluster's folder, and whoever reads that folder
can end all of it.
"""
