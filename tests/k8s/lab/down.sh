#!/usr/bin/env bash
# Stop what up.sh started, by the process ids that it recorded, and take its mounts, control groups and network away.
# Programs and images stay, the cluster's state goes.
set -uo pipefail
# shellcheck source=settings.sh
source "$(dirname "$0")/settings.sh"
need_root
[ -d "$RUN" ] || { echo "Nothing was running."; exit 0; }

ours() { # ours NAME: its process id, if that still is the process that we started
  local pid
  pid=$(cat "$PIDS/$1" 2>/dev/null) && [ -d "/proc/$pid" ] && grep -qa -- "$1" "/proc/$pid/cmdline" && echo "$pid"
}
stop() { # stop NAME...: SIGTERM to all of them, ten seconds for all together, then SIGKILL
  local name pid left
  for name in "$@"; do pid=$(ours "$name") && kill "$pid"; done
  for _ in $(seq 100); do
    left=()
    for name in "$@"; do pid=$(ours "$name") && left+=("$pid"); done
    [ ${#left[@]} -gt 0 ] || break
    sleep 0.1
  done
  [ ${#left[@]} -eq 0 ] || kill -9 "${left[@]}"
  for name in "$@"; do rm -f "$PIDS/$name"; done
}

stop policies traefik metrics-server coredns kube-proxy kubelet kube-scheduler kube-controller-manager kube-apiserver
if [ -S "$RUN/containerd.sock" ]; then # pods: deleting a task ends its processes and what holds them
  for task in $($CTR tasks ls -q 2>/dev/null); do timeout 60 $CTR tasks delete -f "$task" >/dev/null 2>&1; done
fi
stop containerd etcd

awk -v below="$RUN/" 'index($2, below) == 1 {print $2}' /proc/mounts | sort -r | while read -r mount; do umount -l "$mount"; done
ip netns list 2>/dev/null | grep -qw "$NAMESPACE" && ip netns del "$NAMESPACE"
for group in /sys/fs/cgroup/*/kubepods /sys/fs/cgroup/kubepods; do # the kubelet's, empty by now
  [ -d "$group" ] && find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
done
[ -s "$RUN/sysctl.before" ] && sysctl -qp "$RUN/sysctl.before"
rm -rf "$RUN"
step "down"
