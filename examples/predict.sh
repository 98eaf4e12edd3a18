#!/bin/sh
# One row with curl:  sh examples/predict.sh http://127.0.0.1:8000 progression '{"age": 59, …}'
# Prints the answer; exit code 1 and the reason on standard error when it is refused.
set -eu
url=$1 endpoint=$2 row=$3

# A proxy that the environment names does not lead back to this machine.
curl --silent --show-error --fail-with-body --max-time 5 \
  --noproxy "${no_proxy:-${NO_PROXY:-}},127.0.0.1,localhost,::1" \
  --header 'content-type: application/json' \
  --data-binary @- "$url/v1/models/$endpoint:predict" <<BODY || { echo >&2; exit 1; }
{"instances": [$row]}
BODY
echo
