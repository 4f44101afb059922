"""Why a deployment is as it is: the reasons of conditions, stages and Events, as constants.

Each has an entry in docs/troubleshooting.md, and a test says so: whoever sees
one on the cluster can look up what it means and who mends it.
"""

from enum import StrEnum


class Reason(StrEnum):
    """One CamelCase word for what a person has to know."""

    # Work goes on by itself.
    STAGES_RUNNING = "StagesRunning"
    QUEUED = "Queued"
    QUEUE_DEADLINE_EXCEEDED = "QueueDeadlineExceeded"
    TRYING_AGAIN = "TryingAgain"
    JOB_GONE = "JobGone"
    TERMINATION_MESSAGE_LOST = "TerminationMessageLost"
    INTERRUPTED = "Interrupted"
    INPUT_VANISHED = "InputVanished"

    # A person is asked.
    AWAITING_APPROVAL = "AwaitingApproval"
    SUSPENDED = "Suspended"

    # Something is missing; it goes on by itself when that is there.
    RUNTIME_NOT_FOUND = "RuntimeNotFound"
    SERVICE_ACCOUNT_NOT_ALLOWED = "ServiceAccountNotAllowed"
    SECRET_NOT_FOUND = "SecretNotFound"
    POD_NOT_CONFIGURED = "PodNotConfigured"
    IMAGE_NOT_PULLED = "ImageNotPulled"
    DEVICE_NOT_FREE = "DeviceNotFree"
    UNSCHEDULABLE = "Unschedulable"
    POD_REFUSED = "PodRefused"

    # Nothing changes until a person changes something.
    INVALID_SPEC = "InvalidSpec"
    STORAGE_NOT_SHARED = "StorageNotShared"
    STAGE_FAILED = "StageFailed"
    OUT_OF_MEMORY = "OutOfMemory"
    SCRATCH_FULL = "ScratchFull"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    RETRIES_EXHAUSTED = "RetriesExhausted"
    GATES_REFUSED = "GatesRefused"

    # All is done.
    PROMOTED = "Promoted"
    ALREADY_CURRENT = "AlreadyCurrent"
    HELD = "Held"
    NOTHING_PROMOTED = "NothingPromoted"

    # Of Events alone.
    PLANNED = "Planned"
    STAGE_FINISHED = "StageFinished"
    COMMAND_REFUSED = "CommandRefused"
