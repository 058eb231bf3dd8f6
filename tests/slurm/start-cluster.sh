#!/usr/bin/env bash
# start-cluster.sh DIR -- bring up a real one-node SLURM cluster; all state lives under DIR.
# Run it again at any time: daemons that already run are left alone.  Then:  . DIR/env.sh
#   GPUS=4        number of pretend GPUs (gres/gpu links to /dev/null, no hardware needed)
#   CPUS=n        CPUs to advertise (default: the machine's, but never fewer than GPUS)
#   ACCOUNTING=1  also run MariaDB + slurmdbd, so that sacct works (0: squeue only)
#   MEM=n         MB of memory to advertise (default: nearly the machine's)
#   PORT=6817     slurmctld; PORT+1 is slurmd, PORT+2 is slurmdbd (all bound to 127.0.0.1)
set -euo pipefail
mkdir -p "${1:?usage: start-cluster.sh DIR}"
DIR=$(cd "$1" && pwd)
GPUS=${GPUS:-4} PORT=${PORT:-6817} ACCOUNTING=${ACCOUNTING:-0}
CPUS=${CPUS:-$(( $(nproc) > GPUS ? $(nproc) : GPUS ))}
MEM=${MEM:-$(awk '/^MemTotal/ {print int($2 / 1024 * 0.95)}' /proc/meminfo)}
NODE=$(hostname -s) ME=$(id -un)
PATH=$PATH:/usr/sbin:/sbin
export SLURM_CONF=$DIR/etc/slurm.conf MYSQL_UNIX_PORT=$DIR/run/mariadb.sock
mkdir -p "$DIR"/{bin,etc,run,log,state,spool,dev,db}
chmod 755 "$DIR" "$DIR/run"          # munged wants its socket reachable by everyone

alive() {                             # alive NAME: its pid file names a process that is NAME, no zombie
    local comm='' state=''
    read -r _ comm state _ 2>/dev/null <"/proc/$(cat "$DIR/run/$1.pid" 2>/dev/null)/stat" || return 1
    [[ $comm == "($1)" && $state != Z ]]
}
wait_for() {                          # wait_for SECONDS COMMAND...: until it succeeds
    local end=$((SECONDS + $1)); shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || { echo "start-cluster: gave up on: $* (see $DIR/log)" >&2; return 1; }
        sleep 0.1
    done
}

# --- configuration: written on the first start, kept afterwards -------------------------
if [[ ! -s $SLURM_CONF ]]; then
    for ((i = 0; i < GPUS; i++)); do ln -sfn /dev/null "$DIR/dev/gpu$i"; done
    # File must name devices: plain files leave CUDA_VISIBLE_DEVICES unset, a bare Count=N is refused.
    echo "Name=gpu File=$DIR/dev/gpu[0-$((GPUS - 1))] Flags=nvidia_gpu_env" >"$DIR/etc/gres.conf"
    if [[ $ACCOUNTING == 1 ]]; then
        (umask 077; cat >"$DIR/etc/slurmdbd.conf") <<END
AuthType=auth/munge
AuthInfo=socket=$DIR/run/munge.sock
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort=$((PORT + 2))
SlurmUser=$ME
PidFile=$DIR/run/slurmdbd.pid
LogFile=$DIR/log/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=$ME
StorageLoc=slurm_acct
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
END
        storage="AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$((PORT + 2))
AccountingStoragePass=$DIR/run/munge.sock
AccountingStorageTRES=gres/gpu"
    else
        storage="AccountingStorageType=accounting_storage/none"
    fi
    cat >"$SLURM_CONF" <<END
ClusterName=local
SlurmctldHost=$NODE(127.0.0.1)
SlurmctldPort=$PORT
SlurmdPort=$((PORT + 1))
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser=$ME
SlurmdUser=$ME
AuthType=auth/munge
# a requeued job waits until its credential has expired
AuthInfo=socket=$DIR/run/munge.sock,cred_expire=10
SlurmctldPidFile=$DIR/run/slurmctld.pid
SlurmdPidFile=$DIR/run/slurmd.pid
SlurmctldLogFile=$DIR/log/slurmctld.log
SlurmdLogFile=$DIR/log/slurmd.log
StateSaveLocation=$DIR/state
SlurmdSpoolDir=$DIR/spool
# no cgroups: works in containers and without systemd
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
MpiDefault=none
MailProg=/bin/true
# hand out single CPUs, MB of memory and GPUs; trust the node line below, not the hardware
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
GresTypes=gpu
# react fast, and remember finished jobs for an hour so that squeue can report their end
SchedulerParameters=sched_min_interval=100000,bf_interval=5
MinJobAge=3600
KillWait=5
SlurmdTimeout=30
ReturnToService=2
$storage
NodeName=$NODE NodeAddr=127.0.0.1 CPUs=$CPUS RealMemory=$MEM Gres=gpu:$GPUS
PartitionName=gpu Nodes=ALL Default=YES MaxTime=INFINITE DefMemPerCPU=256 State=UP
END
    [[ -s $DIR/etc/munge.key ]] || (umask 077; head -c 1024 /dev/urandom >"$DIR/etc/munge.key")
    # Snakemake's SLURM jobstep hides SLURM_CONF from the srun that it starts: put it back.
    printf '#!/bin/sh\nSLURM_CONF=%q exec %q "$@"\n' "$SLURM_CONF" "$(type -P srun)" >"$DIR/bin/srun"
    chmod +x "$DIR/bin/srun"
    printf 'export SLURM_CONF=%q PATH=%q:$PATH\n' "$SLURM_CONF" "$DIR/bin" >"$DIR/env.sh"
fi

# --- daemons, in the order of their dependencies ------------------------------------------
alive munged || munged --force --key-file="$DIR/etc/munge.key" --socket="$DIR/run/munge.sock" \
    --pid-file="$DIR/run/munged.pid" --log-file="$DIR/log/munged.log" --seed-file="$DIR/run/munged.seed"

if [[ -s $DIR/etc/slurmdbd.conf ]]; then
    if ! alive mariadbd; then         # a Unix socket only; the database account is $ME itself
        [[ -d $DIR/db/mysql ]] || mariadb-install-db --no-defaults --datadir="$DIR/db" --user="$ME" \
            --auth-root-authentication-method=socket --auth-root-socket-user="$ME" --skip-test-db \
            >"$DIR/log/mariadb-install.log" 2>&1
        mariadbd --no-defaults --datadir="$DIR/db" --user="$ME" --skip-networking \
            --socket="$MYSQL_UNIX_PORT" --pid-file="$DIR/run/mariadbd.pid" \
            --innodb-lock-wait-timeout=900 </dev/null >>"$DIR/log/mariadb.log" 2>&1 &
        disown
        wait_for 60 mariadb-admin --no-defaults --socket="$MYSQL_UNIX_PORT" ping
    fi
    alive slurmdbd || slurmdbd
    wait_for 60 sacctmgr -n list cluster
    [[ -n $(sacctmgr -nP list cluster local) ]] || sacctmgr -iQ add cluster local >/dev/null
fi
alive slurmctld || slurmctld
alive slurmd || slurmd
ready() { [[ $(sinfo -hN -o %t) =~ ^(idle|mix|alloc)$ ]]; }
wait_for 300 ready   # on a busy machine, ended jobs are cleaned up for minutes
sinfo -hN -o '%N %t cpus=%c mem=%mMB gres=%G'
