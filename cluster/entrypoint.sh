#!/bin/sh
# Runs the whole service on this one machine, as the container's command: a Ray head with fixed ports, then the
# application on it. SIGINT (the image's stop signal) lets requests finish and then stops both.
set -eu
here="$(dirname "$0")"
eval "$(stt-ai environment)"

# Whoever may talk to Ray may run code as this user: the image has it ask for a token, which is created here unless one
# is given.
if [ "${RAY_AUTH_MODE:-}" = token ] && [ -z "${RAY_AUTH_TOKEN:-}" ]; then
  umask 077
  ray get-auth-token --generate >/dev/null
fi

# The dashboard listens inside the container only as far as its published ports let it; likewise the metrics.
ray start --head --disable-usage-stats \
  --dashboard-host="${STT_AI_DASHBOARD_HOST:-0.0.0.0}" --dashboard-port=8265 --metrics-export-port=8080
exec stt-ai serve --address=auto --no-pull "${1:-$here/serve_config.yaml}"
