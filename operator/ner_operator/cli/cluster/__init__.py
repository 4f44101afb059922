"""The place of a NAME: a NerDeployment of a cluster.

The cluster is reached through kubectl, so that a person's kubeconfig, context,
login and proxy are used, and nothing has to be configured twice.
"""
