"""The operations on jobs, each one transaction, each safe to repeat. They run where billing's do.

An attempt holds a lease of billing's, as a request does: a slot of its account, and a reservation. Charging it and
ending the job are one transaction, so that a job is charged once, and only when it succeeds.
"""

from stt_ai.jobs.attempts import WorkerOperations
from stt_ai.jobs.owners import OwnerOperations
from stt_ai.jobs.retention import RetentionOperations


class JobService(OwnerOperations, WorkerOperations, RetentionOperations):
    """All of them: what callers ask, what workers ask, and what sweeps ask."""
