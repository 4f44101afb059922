"""The API: what every kind has in common; the kinds of a version live in its package (`v1alpha1`)."""
