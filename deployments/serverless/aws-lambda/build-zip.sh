#!/bin/sh
# Makes function.zip of a registry that holds one version: ./build-zip.sh registry
set -eu
registry=${1:?which registry? ./build-zip.sh registry}
limit_mb=250
rm -rf package function.zip
# The libraries of Lambda's machines, not of this one.
pip install --target package --only-binary :all: --platform manylinux2014_x86_64 \
    --platform manylinux_2_28_x86_64 --python-version 3.11 --implementation cp "serve-app[lambda]"
cp -r "$registry" package/registry
find package -name __pycache__ -prune -exec rm -rf {} +
size_mb=$(du -sm package | cut -f1)
if [ "$size_mb" -gt "$limit_mb" ]; then
    echo "package/ has $size_mb MB and Lambda takes $limit_mb; use the image" >&2
    exit 1
fi
(cd package && find . -type f | LC_ALL=C sort | zip -q -X ../function.zip -@)
