#!/bin/sh
# Installs locked requirements into the environment $1, which it makes: `install.sh /opt/flyte-sandbox`.
# pip brings uv, and uv the rest, many at a time. Both use pip's settings and the certificates of the build.
set -eu
if [ -s /build/ca-bundle.pem ]; then
    export PIP_CERT=/build/ca-bundle.pem SSL_CERT_FILE=/build/ca-bundle.pem
fi
for name in PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_TRUSTED_HOST; do
    if [ -z "$(printenv "$name")" ]; then unset "$name"; fi
done
export UV_DEFAULT_INDEX="${PIP_INDEX_URL-}" UV_INDEX="${PIP_EXTRA_INDEX_URL-}" UV_INSECURE_HOST="${PIP_TRUSTED_HOST-}"
for name in UV_DEFAULT_INDEX UV_INDEX UV_INSECURE_HOST; do
    if [ -z "$(printenv "$name")" ]; then unset "$name"; fi
done
python -m venv /build/tools
/build/tools/bin/pip install --no-compile --require-hashes --requirement /build/installer.txt
python -m venv --without-pip "$1"
/build/tools/bin/uv pip install --python "$1/bin/python" --require-hashes --requirement /build/requirements.txt
