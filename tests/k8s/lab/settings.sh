# Versions, addresses and paths of the lab cluster, for the scripts beside this file. Nothing happens when it is read.
KUBERNETES=1.36.3 COREDNS=1.14.7 METRICS_SERVER=0.9.0 TRAEFIK=3.7.15

NODE=10.89.0.1 PODS=10.244.0.0/24 SERVICES=10.96.0.0/16 API_SERVICE=10.96.0.1
NAMESPACE=microcommerce-lab # of the network: nothing in it is reached from outside, and it has no way out

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
LAB=${XDG_CACHE_HOME:-$HOME/.cache}/microcommerce/kubernetes # as launcher/cache.py has it
BIN=$LAB/bin         # what is built once
RUN=$LAB/run         # a cluster's state: `down` removes it
LOG=$LAB/log PKI=$RUN/pki PIDS=$RUN/pids
CTR="ctr --address $RUN/containerd.sock --namespace k8s.io"
export PATH=$BIN:$PATH:/usr/local/go/bin CONTAINERS_CONF=$LAB/containers.conf
BASE_IMAGE=docker.io/library/python:3.11-slim

mkdir -p "$BIN" "$LOG"

step() { printf '%5ds  %s\n' $SECONDS "$*"; }
die() {
  echo "$*" >&2
  exit 1
}
inside() { nsenter --net="/run/netns/$NAMESPACE" "$@"; }
need_root() { [ "$(id -u)" = 0 ] || die "The lab cluster needs root, for network namespaces, mounts and control groups: sudo $0"; }
# put FILE: what stands on the input, and the file's time only changes where its content does
put() {
  cat >"$1.new"
  if cmp -s "$1.new" "$1"; then rm "$1.new"; else mv "$1.new" "$1"; fi
}
