"""The stages: one file each, one registration line each in `registry`."""
