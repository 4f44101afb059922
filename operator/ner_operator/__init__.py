"""The NerDeployment operator and its command line: kinds, planning, and the local run of the same plan."""
