"""The API. What versions share is here; each version's kinds are in a package of its own (`v1alpha1`)."""
