"""What is made from the models of the API: CRDs, validation, messages, YAML, the reference page."""
