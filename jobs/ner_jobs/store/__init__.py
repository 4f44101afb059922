"""Artifacts and pointers in S3 or in a folder: one protocol, two stores.

`Store` moves single objects; `artifacts` makes artifacts of them (manifest
last); `pointer` is what is promoted. Nothing here imports torch.
"""
