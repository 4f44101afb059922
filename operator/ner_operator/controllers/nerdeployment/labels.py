"""The labels and annotations of a stage's Job: written by `manifests`, read by `jobs`, selected by everybody.

What is selected by the server is a label; what may be longer than 63
characters, or is only read, is an annotation. The annotations stand on the
pod template too, for whoever looks at a pod alone.
"""

from ner_operator.api.meta import GROUP

MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "nerd-operator"

OWNER_UID = f"{GROUP}/deployment-uid"
STAGE = f"{GROUP}/stage"
VARIANT = f"{GROUP}/variant"

STEP = f"{GROUP}/step"
KEY = f"{GROUP}/key"
ATTEMPT = f"{GROUP}/attempt"
SPEC_HASH = f"{GROUP}/spec-hash"
DEPLOYMENT = f"{GROUP}/deployment"

JOB_UID = "batch.kubernetes.io/controller-uid"
"""Of a pod: its Job's, as Kubernetes writes it."""

CONTAINER = "stage"
"""The container of a pod whose end is the stage's."""

OURS = f"{MANAGED_BY}={MANAGER},{OWNER_UID}"
"""Selects every Job of every deployment, and every pod of theirs, on the server."""
