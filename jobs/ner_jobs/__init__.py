"""The stages of a NerDeployment: one task in, one artifact out.

What runs here knows nothing of Kubernetes or of the operator. It reads a task
(`ner_jobs.task`), reads its inputs from a store, computes, and leaves an
artifact whose manifest is written last.
"""
