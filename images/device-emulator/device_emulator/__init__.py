"""Emulated accelerators: a kubelet device plugin for tests and trials.

It knows nothing of the operator nor of the jobs. What it leaves in a container
(`devices.py`) is all that they share: a result made on its devices says so.
"""
