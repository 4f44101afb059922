"""A small controller library on kopf's watches: client, work queue, cache, resync, events, probes.

It knows objects, owners and versions, and no kind of ours; `controllers` puts kinds on it.
"""
