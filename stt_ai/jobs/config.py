"""What operators decide about jobs."""

from pydantic import BaseModel, ConfigDict, Field

HOUR_S = 3600.0


class JobsConfig(BaseModel):
    """Bounds of the queue, and how long things are kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_queued: int = Field(1000, ge=1, description="Jobs of one account that wait or run; more are refused with 429.")
    max_queued_anonymous: int = Field(3, ge=1, description="The same for each address without a key.")
    retention_hours: float = Field(168, gt=0, description="What is kept of a job is erased after this.")
    max_retention_hours: float = Field(720, gt=0, description="The longest that a caller may ask for.")
    expired_kept_hours: float = Field(24, ge=0, description="For so long it is said that an erased job has expired.")
    lease_s: float = Field(30, gt=0, description="A job whose worker died is taken up again after this.")
    max_failures: int = Field(5, ge=1, description="A job that fails so often without progress in between is given up.")
    max_lost: int = Field(
        10,
        ge=1,
        description="So is one whose worker dies so often without progress in between: by it, or by restarts.",
    )
    public_url: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        description="Where callers reach the service, for links in webhooks. Empty: links are paths.",
    )
    backoff_s: float = Field(5, gt=0, description="Before the second attempt; doubled before each further one.")
