#!/usr/bin/env bash
# Install SLURM, and the database behind its accounting, from Debian's packages if missing.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
missing=()
command -v slurmctld >/dev/null && command -v munged >/dev/null || missing+=(slurm-wlm)
command -v slurmdbd >/dev/null || missing+=(slurmdbd)
command -v mariadbd >/dev/null || missing+=(mariadb-server)
((${#missing[@]})) || exit 0
as_root=()
((UID == 0)) || as_root=(sudo)
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
