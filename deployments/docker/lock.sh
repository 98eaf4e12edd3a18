#!/bin/sh
# Lock the wheels of each image, with a hash for every file that may be installed:
#     pip install uv && sh deployments/docker/lock.sh
# Versions are those of constraints.txt. XGBoost comes without what only GPUs need.
set -eu
cd "$(dirname "$0")/../.."

lock() {
  image=$1
  shift
  uv pip compile --quiet --generate-hashes --only-binary :all: --constraint constraints.txt \
    --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
    --no-header --no-annotate \
    --no-emit-package xgboost --no-emit-package nvidia-nccl-cu12 \
    --output-file "deployments/docker/$image.lock" "$@"
}

lock full --extra ray --extra train --extra client --extra graphql --extra postgres --extra tokens \
  pyproject.toml deployments/docker/xgboost.in
lock serve --extra ray --extra postgres --extra tokens pyproject.toml
lock edge pyproject.toml
