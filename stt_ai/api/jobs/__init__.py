"""/v1/jobs: recordings that are transcribed without holding a connection open."""
