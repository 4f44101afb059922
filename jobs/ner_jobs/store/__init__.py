"""Objects and artifacts in S3 or in a folder: one protocol, two stores.

`Store` reads and writes single objects; `artifacts` makes artifacts of them,
manifest last. Nothing here imports torch.
"""
