# What every Ray process of the service must have in its environment, wherever it runs without `make serve`:
# `. cluster/environment.sh` before `ray start`. The same as the Makefile exports; the tests compare the two.
# rayservice.yaml says it once more, for Kubernetes starts Ray without a shell of ours.

# HAProxy in front instead of Serve's Python proxy: uploads of gigabytes leave the proxy's memory flat.
export RAY_SERVE_ENABLE_HA_PROXY="${RAY_SERVE_ENABLE_HA_PROXY:-1}"
export RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH="${RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH:-stt_ai.api.http.proxy.middlewares}"
# What Serve has no settings for, this adds to HAProxy's configuration before it becomes HAProxy:
# stt_ai/deployments/haproxy.py. Where it is not on the PATH, Serve says so and does not start.
export RAY_SERVE_HAPROXY_BINARY_PATH="${RAY_SERVE_HAPROXY_BINARY_PATH:-$(command -v stt-ai-haproxy || echo stt-ai-haproxy)}"
# HAProxy says who is calling, in a header whose name callers cannot know. One name for all nodes of a cluster:
# with several, set STT_AI_PEER_HEADER on each to the same `X-Peer-` and something random.
export STT_AI_PEER_HEADER="${STT_AI_PEER_HEADER:-X-Peer-$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')}"
# uvicorn must not believe the callers' own headers.
export FORWARDED_ALLOW_IPS="${FORWARDED_ALLOW_IPS-}"
export RAY_USAGE_STATS_ENABLED="${RAY_USAGE_STATS_ENABLED:-0}"
# A redeploy leaves the HAProxy that was there to those whom it serves: as long as the old ingress lives, and not to
# connections on which nothing happens. One that dies is noticed within seconds, and dies with the process that runs it.
export RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S="${RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S:-630}"
export RAY_SERVE_HAPROXY_CLOSE_SPREAD_TIME_S="${RAY_SERVE_HAPROXY_CLOSE_SPREAD_TIME_S:-10}"
export RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S="${RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S:-2}"
export RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S="${RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S:-60}"
export RAY_process_group_cleanup_enabled="${RAY_process_group_cleanup_enabled:-1}"
# A busy or slow machine may take longer than the default half minute to start Ray.
export RAY_raylet_start_wait_time_s="${RAY_raylet_start_wait_time_s:-120}"
# Ray starts replicas at niceness 15: whatever else runs on the machine, its own helpers too, would go before the models.
export RAY_worker_niceness="${RAY_worker_niceness:-0}"
