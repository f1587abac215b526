#!/usr/bin/env bash
# A real Kubernetes of one node, to prove manifests on: etcd, API server, controller manager, scheduler, kubelet with
# containerd, kube-proxy, CoreDNS, metrics-server, Traefik for Ingress, and policies.py for NetworkPolicy.
#
#   up.sh      builds what is missing (build.sh), then starts what does not run       down.sh      takes it away
#
# It lives in a network namespace of its own: nothing listens on the machine's addresses, no rule of its firewall changes,
# and nothing in it has a way out. API https://10.89.0.1:6443, Ingress http://10.89.0.1. To look into it:
#
#   source ~/.cache/microcommerce/kubernetes/env.sh; k get pods -A; inside curl http://10.89.0.1/
set -euo pipefail
# shellcheck source=settings.sh
source "$(dirname "$0")/settings.sh"
need_root
"$HERE/build.sh"
mkdir -p "$PKI" "$PIDS"
kc() { inside kubectl --kubeconfig "$PKI/admin.conf" "$@"; }

# ---------------------------------------------------------------- the network
if ! ip netns list | grep -qw "$NAMESPACE"; then
  ip netns add "$NAMESPACE"
  ip -n "$NAMESPACE" link set lo up
  ip -n "$NAMESPACE" link add node0 type veth peer name node1
  ip -n "$NAMESPACE" addr add $NODE/24 dev node0
  ip -n "$NAMESPACE" link set node0 up
  ip -n "$NAMESPACE" link set node1 up
  ip -n "$NAMESPACE" route add default dev node0 # an address of a Service needs a route before it is rewritten; it leads nowhere
  modprobe br_netfilter 2>/dev/null || true
  inside sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1
fi

# ---------------------------------------------------------------- keys, certificates, client files
certificate() { # certificate NAME SUBJECT [ALTERNATIVE-NAMES]
  [ -s "$PKI/$1.crt" ] && return
  openssl req -newkey rsa:2048 -nodes -keyout "$PKI/$1.key" -subj "$2" -out "$PKI/$1.csr" 2>/dev/null
  openssl x509 -req -in "$PKI/$1.csr" -CA "$PKI/ca.crt" -CAkey "$PKI/ca.key" -CAcreateserial -days 365 -out "$PKI/$1.crt" \
    -extfile <(
      echo "extendedKeyUsage=clientAuth,serverAuth"
      echo "${3:+subjectAltName=$3}"
    ) 2>/dev/null
}
client() { # client NAME SUBJECT: a certificate, and the file that kubectl and its like read
  certificate "$1" "$2"
  put "$PKI/$1.conf" <<END
apiVersion: v1
kind: Config
clusters: [{name: lab, cluster: {server: "https://$NODE:6443", certificate-authority: $PKI/ca.crt}}]
users: [{name: $1, user: {client-certificate: $PKI/$1.crt, client-key: $PKI/$1.key}}]
contexts: [{name: lab, context: {cluster: lab, user: $1}}]
current-context: lab
END
}
chmod 700 "$PKI"
if [ ! -s "$PKI/ca.crt" ]; then
  step "keys and certificates"
  openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj "/CN=lab" -keyout "$PKI/ca.key" -out "$PKI/ca.crt" 2>/dev/null
  openssl genrsa -out "$PKI/sa.key" 2048 2>/dev/null
fi
names=kubernetes.default
certificate apiserver "/CN=kube-apiserver" "IP:$NODE,IP:$API_SERVICE,IP:127.0.0.1,DNS:kubernetes,DNS:$names,DNS:$names.svc,DNS:$names.svc.cluster.local"
certificate kubelet-server "/CN=node1" "IP:$NODE,DNS:node1"
certificate apiserver-kubelet "/O=system:masters/CN=apiserver-kubelet"
certificate front-proxy "/CN=front-proxy"
client admin "/O=system:masters/CN=admin"
client controller-manager "/CN=system:kube-controller-manager"
client scheduler "/CN=system:kube-scheduler"
client kubelet "/O=system:nodes/CN=system:node:node1"
client proxy "/CN=system:kube-proxy"
put "$LAB/env.sh" <<END
export PATH=$BIN:\$PATH KUBECONFIG=$PKI/admin.conf CONTAINERS_CONF=$CONTAINERS_CONF
inside() { nsenter --net=/run/netns/$NAMESPACE "\$@"; } # run a program in the cluster's network
k() { inside kubectl "\$@"; }
END

# ---------------------------------------------------------------- programs
start() { # start NAME PROGRAM ARGUMENT...: in the namespace, its process id and its log kept
  local name=$1
  shift
  [ -s "$PIDS/$name" ] && kill -0 "$(cat "$PIDS/$name")" 2>/dev/null && return
  nohup nsenter --net="/run/netns/$NAMESPACE" -- "$@" >>"$LOG/$name.log" 2>&1 </dev/null &
  echo $! >"$PIDS/$name"
}
wait_for() { # wait_for SECONDS WHAT COMMAND...
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || die "No $what in time: see $LOG"
    sleep 0.5
  done
  step "$what"
}

start etcd etcd --data-dir "$RUN/etcd" --unsafe-no-fsync --listen-peer-urls http://127.0.0.1:2380 \
  --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379
start kube-apiserver kube-apiserver --etcd-servers=http://127.0.0.1:2379 --advertise-address=$NODE \
  --secure-port=6443 --service-cluster-ip-range=$SERVICES --authorization-mode=Node,RBAC \
  --enable-admission-plugins=NodeRestriction --allow-privileged=true \
  --client-ca-file="$PKI/ca.crt" --tls-cert-file="$PKI/apiserver.crt" --tls-private-key-file="$PKI/apiserver.key" \
  --kubelet-client-certificate="$PKI/apiserver-kubelet.crt" --kubelet-client-key="$PKI/apiserver-kubelet.key" \
  --kubelet-certificate-authority="$PKI/ca.crt" --kubelet-preferred-address-types=InternalIP \
  --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$PKI/sa.key" \
  --service-account-signing-key-file="$PKI/sa.key" \
  --requestheader-client-ca-file="$PKI/ca.crt" --requestheader-allowed-names=front-proxy \
  --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
  --requestheader-extra-headers-prefix=X-Remote-Extra- \
  --proxy-client-cert-file="$PKI/front-proxy.crt" --proxy-client-key-file="$PKI/front-proxy.key"
wait_for 180 "API server" kc get --raw /readyz
# An autoscaler that looks often and forgets soon: a test shall see it go up and down again.
start kube-controller-manager kube-controller-manager --kubeconfig="$PKI/controller-manager.conf" \
  --authentication-kubeconfig="$PKI/controller-manager.conf" --authorization-kubeconfig="$PKI/controller-manager.conf" \
  --service-account-private-key-file="$PKI/sa.key" --root-ca-file="$PKI/ca.crt" \
  --cluster-signing-cert-file="$PKI/ca.crt" --cluster-signing-key-file="$PKI/ca.key" \
  --use-service-account-credentials --leader-elect=false \
  --horizontal-pod-autoscaler-sync-period=5s --horizontal-pod-autoscaler-cpu-initialization-period=10s \
  --horizontal-pod-autoscaler-initial-readiness-delay=5s --horizontal-pod-autoscaler-downscale-stabilization=30s
start kube-scheduler kube-scheduler --kubeconfig="$PKI/scheduler.conf" --leader-elect=false \
  --authentication-kubeconfig="$PKI/scheduler.conf" --authorization-kubeconfig="$PKI/scheduler.conf"

# containerd with a socket and a state of its own; a pod's network card is the plug-in's `bridge`.
mkdir -p "$RUN/cni"
put "$RUN/cni/10-lab.conflist" <<END
{"cniVersion": "0.4.0", "name": "lab", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$RUN/cni-ipam", "ranges": [[{"subnet": "$PODS"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
END
put "$RUN/containerd.toml" <<END
version = 2
root = "$RUN/containerd/root"
state = "$RUN/containerd/state"
[grpc]
  address = "$RUN/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true            # a machine without CAP_SYS_RESOURCE cannot raise it
  disable_apparmor = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$RUN/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.internal.v1.opt"]
  path = "$RUN/containerd/opt"
END
start containerd containerd --config "$RUN/containerd.toml"
wait_for 60 "containerd" $CTR version
if ! $CTR images ls -q | grep -q '^localhost/pause:1$'; then
  mkdir -p "$RUN/pause"
  cp "$BIN/pause" "$RUN/pause/"
  printf 'FROM scratch\nCOPY pause /pause\nUSER 65535\nENTRYPOINT ["/pause"]\n' >"$RUN/pause/Dockerfile"
  {
    podman build -q -t localhost/pause:1 "$RUN/pause"
    podman save -q --format docker-archive localhost/pause:1 | $CTR images import -
  } >"$LOG/pause.log" 2>&1 || die "The image of the sandbox could not be made: see $LOG/pause.log"
fi

put "$RUN/kubelet.yaml" <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NODE
cgroupDriver: cgroupfs
failCgroupV1: false
clusterDNS: [$NODE]
clusterDomain: cluster.local
resolvConf: ""
containerRuntimeEndpoint: unix://$RUN/containerd.sock
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $PKI/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $PKI/kubelet-server.crt
tlsPrivateKeyFile: $PKI/kubelet-server.key
failSwapOn: false
oomScoreAdj: 0
podLogsDir: $RUN/pod-logs
volumePluginDir: $RUN/volume-plugins
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}
END
# The kubelet sets these three for the whole machine: they are put back as soon as it is up, and by down.sh.
[ -s "$RUN/sysctl.before" ] || sysctl kernel.panic kernel.panic_on_oops vm.overcommit_memory >"$RUN/sysctl.before"
start kubelet kubelet --config="$RUN/kubelet.yaml" --kubeconfig="$PKI/kubelet.conf" --root-dir="$RUN/kubelet" \
  --hostname-override=node1 --node-ip=$NODE
put "$RUN/kube-proxy.yaml" <<END
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $PKI/proxy.conf}
mode: iptables
hostnameOverride: node1
clusterCIDR: $PODS
nodePortAddresses: ["$NODE/32"]
oomScoreAdj: 0
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
END
start kube-proxy kube-proxy --config="$RUN/kube-proxy.yaml"

# Names, metrics, Ingress and policies are plain programs on the node: they need no image.
put "$RUN/Corefile" <<END
.:53 {
  bind $NODE
  errors
  ready $NODE:8181
  kubernetes cluster.local in-addr.arpa {
    kubeconfig $PKI/admin.conf lab
    pods insecure
  }
}
END
start coredns coredns -conf "$RUN/Corefile"
start metrics-server metrics-server --kubeconfig="$PKI/admin.conf" --authentication-kubeconfig="$PKI/admin.conf" \
  --authorization-kubeconfig="$PKI/admin.conf" --secure-port=4443 --bind-address=$NODE --cert-dir="$RUN/metrics-certificates" \
  --kubelet-certificate-authority="$PKI/ca.crt" --kubelet-preferred-address-types=InternalIP \
  --metric-resolution=10s --kubelet-request-timeout=5s
KUBECONFIG=$PKI/admin.conf start traefik traefik --providers.kubernetesingress=true --providers.kubernetesingress.ingressendpoint.ip=$NODE \
  --entrypoints.web.address=$NODE:80 --entrypoints.websecure.address=$NODE:443 \
  --global.checknewversion=false --global.sendanonymoususage=false --log.nocolor=true
start policies python3 "$HERE/policies.py" "$PKI" https://$NODE:6443 $NODE

{
  sed "s/\$NODE/$NODE/" "$HERE/objects.yaml"
  for i in 0 1 2 3 4 5 6 7 8 9; do # volumes for the stores; they honour fsGroup
    mkdir -p "$RUN/volumes/$i"
    cat <<END
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: local-$i}
spec:
  storageClassName: standard
  capacity: {storage: 100Gi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  local: {path: $RUN/volumes/$i}
  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [node1]}]}]}}
END
  done
} | kc apply -f - >"$LOG/objects.log"
wait_for 120 "node" kc wait --for=condition=Ready node/node1 --timeout=1s
sysctl -qp "$RUN/sysctl.before"
wait_for 60 "cluster DNS" inside curl -fsS http://$NODE:8181/ready
wait_for 60 "Ingress controller" inside curl -sS -o /dev/null http://$NODE/
wait_for 120 "metrics" kc top node
step "up: source $LAB/env.sh; k get pods -A"
