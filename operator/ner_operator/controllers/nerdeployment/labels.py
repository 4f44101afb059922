"""Labels and annotations of a stage's Job and its pods.

The server can select by a label. An annotation may be longer than 63
characters, and is only read. Both are on the pod template too.
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
"""Label of a pod with the UID of its Job, set by Kubernetes."""

OURS = f"{MANAGED_BY}={MANAGER},{OWNER_UID}"
"""Selects every Job of every NerDeployment, and every pod of these Jobs."""
