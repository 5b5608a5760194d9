# For ray-cluster.yaml: what every shell on a machine of the cluster needs before `ray` and `serve`.
set -a
. ~/stt_ai/cluster/nodes.env
set +a
export PATH="$HOME/stt_ai/.venv/bin:$PATH"
eval "$(stt-ai environment)"
export RAY_AUTH_MODE=token
