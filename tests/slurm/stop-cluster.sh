#!/usr/bin/env bash
# stop-cluster.sh DIR -- cancel all jobs and stop the daemons that start-cluster.sh DIR started.
# Logs and job history stay in DIR; a later start-cluster.sh DIR picks up from there.
set -uo pipefail
DIR=$(cd "${1:?usage: stop-cluster.sh DIR}" && pwd) || exit 1
export SLURM_CONF=$DIR/etc/slurm.conf

# is PID NAME: the process runs, is NAME (so a stale pid file never hits a stranger), no zombie
is() {
    local comm='' state=''
    read -r _ comm state _ 2>/dev/null <"/proc/$1/stat" || return 1
    [[ $comm == "($2)" && $state != Z ]]
}
running() { pid=$(cat "$DIR/run/$1.pid" 2>/dev/null) && is "$pid" "$1"; }
if running slurmctld && running slurmd; then
    mapfile -t jobs < <(squeue -h -o %A -t PD,R,S,CG | sort -u)
    ((${#jobs[@]} == 0)) || scancel "${jobs[@]}"
    for ((i = 0; i < 150; i++)); do [[ -z $(squeue -h) ]] && break; sleep 0.1; done
fi
status=0
for name in slurmctld slurmd slurmdbd mariadbd munged; do
    running "$name" || continue
    kill "$pid"
    for ((i = 0; i < 300; i++)); do is "$pid" "$name" || break; sleep 0.1; done
    is "$pid" "$name" && { echo "stop-cluster: $name ($pid) still runs" >&2; status=1; continue; }
    rm -f "$DIR/run/$name.pid"
done
# Without cgroups a job's process can outlive its job (seen after NODE_FAIL): end those of this cluster.
for proc in /proc/[0-9]*; do
    { grep -qzxF "SLURM_CONF=$SLURM_CONF" "$proc/environ" && grep -qz '^SLURM_JOB_ID=' "$proc/environ"; } 2>/dev/null &&
        kill -KILL "${proc#/proc/}" && echo "stop-cluster: killed leftover job process ${proc#/proc/}" >&2
done
exit $status
