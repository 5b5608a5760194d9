"""Messages to callers' own servers when a job has ended, by the Standard Webhooks specification (1.0.0)."""
