#!/usr/bin/env bash
# Install Chromium from Debian's packages if it is missing.
set -euo pipefail
command -v chromium >/dev/null && exit 0
as_root=()
((UID == 0)) || as_root=(sudo)
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium
