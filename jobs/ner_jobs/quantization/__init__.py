"""The search for an int8 recipe that is shown to lose little."""
