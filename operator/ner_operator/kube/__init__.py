"""A small controller library: everything of a controller that is the same for every kind.

It watches, queues, caches and resyncs objects, and calls `reconcile(key)`.
The kinds are in `controllers`; no module of this package names one.
"""
