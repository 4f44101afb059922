"""The reasons of conditions, stages and Events.

docs/troubleshooting.md has an entry for each, which a test checks: it says
what the reason means and who resolves it.
"""

from enum import StrEnum


class Reason(StrEnum):
    """The cause of a state, as one CamelCase word."""

    # Work continues by itself.
    STAGES_RUNNING = "StagesRunning"
    QUEUED = "Queued"
    QUEUE_DEADLINE_EXCEEDED = "QueueDeadlineExceeded"
    RETRYING = "Retrying"
    JOB_NOT_FOUND = "JobNotFound"
    TERMINATION_MESSAGE_LOST = "TerminationMessageLost"
    INTERRUPTED = "Interrupted"
    INPUT_NOT_FOUND = "InputNotFound"

    # A person has to decide.
    AWAITING_APPROVAL = "AwaitingApproval"
    SUSPENDED = "Suspended"

    # Something is missing; work continues by itself when it appears.
    RUNTIME_NOT_FOUND = "RuntimeNotFound"
    SERVICE_ACCOUNT_NOT_ALLOWED = "ServiceAccountNotAllowed"
    SECRET_NOT_FOUND = "SecretNotFound"
    POD_NOT_CONFIGURED = "PodNotConfigured"
    IMAGE_NOT_PULLED = "ImageNotPulled"
    DEVICE_NOT_FREE = "DeviceNotFree"
    UNSCHEDULABLE = "Unschedulable"
    POD_REFUSED = "PodRefused"

    # A person has to change something.
    INVALID_SPEC = "InvalidSpec"
    STORAGE_NOT_SHARED = "StorageNotShared"
    STAGE_FAILED = "StageFailed"
    OUT_OF_MEMORY = "OutOfMemory"
    SCRATCH_FULL = "ScratchFull"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    RETRIES_EXHAUSTED = "RetriesExhausted"
    GATES_FAILED = "GatesFailed"

    # Nothing is left to do.
    PROMOTED = "Promoted"
    ALREADY_CURRENT = "AlreadyCurrent"
    HELD = "Held"
    NOTHING_PROMOTED = "NothingPromoted"

    # Only in Events.
    PLANNED = "Planned"
    STAGE_FINISHED = "StageFinished"
    COMMAND_REFUSED = "CommandRefused"
