"""What is made from the API models: CRDs, validation with its messages, YAML reading, the reference page."""
