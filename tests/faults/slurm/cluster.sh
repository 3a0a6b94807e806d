# A Slurm of one machine for a test: a munged, a slurmctld and a slurmd of its own under a scratch folder, on loopback,
# without systemd. Sourced behind e2e/lib.sh; slurm_up, slurm_down, and the daemons singly.

slurm_here() {
    PATH=$PATH:/usr/sbin:/sbin
    for program in munged slurmctld slurmd sbatch squeue scontrol scancel; do
        command -v $program >/dev/null || { echo "$name: skipped: '$program' is not installed (script/bootstrap --tests)"; return 1; }
    done
    [ "$(id -u)" = 0 ] || { echo "$name: skipped: Slurm's daemons want root"; return 1; }
}

slurm_conf() {
    ports=$((10000 + ($$ * 2 + $1 * 1000) % 20000)) # below those that the system gives out
    cat >"$cluster/slurm.conf" <<CONF
ClusterName=assaytest
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$cluster/munge.sock,cred_expire=5
CredType=cred/munge
SlurmctldPort=$ports
SlurmdPort=$((ports + 1))
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPidFile=$cluster/slurmctld.pid
SlurmdPidFile=$cluster/slurmd.pid
SlurmctldLogFile=$tmp/slurmctld.log
SlurmdLogFile=$tmp/slurmd.log
StateSaveLocation=$cluster/state
SlurmdSpoolDir=$cluster/spool
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0
PriorityType=priority/basic
ReturnToService=2
JobRequeue=1
RequeueExit=75
KillWait=20
MinJobAge=300
InactiveLimit=0
SlurmctldTimeout=30
SlurmdTimeout=15
MessageTimeout=30
PropagateResourceLimits=NONE
NodeName=localhost NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=2048 Feature=gpu_mem_2g State=UNKNOWN
PartitionName=cpu Nodes=localhost Default=YES MaxTime=01:00:00 State=UP OverSubscribe=FORCE:4
CONF
}

ctld_up() { slurmctld -f "$SLURM_CONF"; }
slurmd_up() { slurmd -N localhost -f "$SLURM_CONF"; }
node_is_up() { case "$(sinfo -h -o %T 2>/dev/null)" in idle | mixed | allocated) ;; *) return 1 ;; esac }

slurm_up() {
    cluster=$tmp/slurm
    mkdir -p "$cluster/state" "$cluster/spool"
    chmod 755 "$cluster"
    (umask 077; dd if=/dev/urandom of="$cluster/munge.key" bs=128 count=1 2>/dev/null)
    munged --force --key-file="$cluster/munge.key" --socket="$cluster/munge.sock" --pid-file="$cluster/munged.pid" \
        --log-file="$tmp/munged.log" --seed-file="$cluster/munged.seed"
    export SLURM_CONF="$cluster/slurm.conf"
    for attempt in 1 2 3 4 5; do # a port may be another's
        slurm_conf $attempt
        ctld_up
        tries=0
        until sinfo -h >/dev/null 2>&1 || [ $tries -gt 20 ]; do tries=$((tries + 1)); sleep 0.2; done
        [ $tries -gt 20 ] || break
    done
    slurmd_up
    wait_for 'Slurm is up' node_is_up
}

# pid_of DAEMON: of ours, by its pid file, and only if it still is that program.
pid_of() {
    number=$(cat "$cluster/$1.pid" 2>/dev/null) && [ "$(cat "/proc/$number/comm" 2>/dev/null)" = "$1" ] && echo "$number"
}
daemon_dies() { victim=$(pid_of "$1") && kill -9 "$victim" && wait_for "$1 is gone" gone "$victim"; }

slurm_down() {
    [ -n "${cluster:-}" ] || return 0
    scancel -n assay-worker 2>/dev/null || true
    for daemon in slurmctld slurmd munged; do
        victim=$(pid_of $daemon) || continue
        kill -TERM "$victim" 2>/dev/null || true
        tries=0
        until gone "$victim" || [ $tries -gt 100 ]; do tries=$((tries + 1)); sleep 0.1; done
    done
}
