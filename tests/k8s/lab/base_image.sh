#!/usr/bin/env bash
# A stand-in for python:3.11-slim where no registry is: Debian bookworm by debootstrap, and this machine's CPython 3.11 below
# /usr/local, where the official image has it. This machine's authorities and pip settings go in, so that builds reach PyPI:
# it is for this machine, not for sharing.
set -euo pipefail
# shellcheck source=settings.sh
source "$(dirname "$0")/settings.sh"
need_root
archive=$LAB/base.tar root=$LAB/rootfs
libraries=ca-certificates,libssl3,libsqlite3-0,libffi8,libbz2-1.0,liblzma5,libreadline8,zlib1g,libexpat1,libncursesw6,libuuid1,netbase,tzdata

if [ ! -s "$archive" ]; then
  step "base image, by debootstrap"
  python=$(command -v python3.11) || die "Python 3.11 is needed for the base image."
  rm -rf "$root"
  debootstrap --variant=minbase --include="$libraries" bookworm "$root" >"$LOG/debootstrap.log" 2>&1 || die "see $LOG/debootstrap.log"
  prefix=$("$python" -c 'import sys; print(sys.base_prefix)')
  parts=(bin/python3.11 lib/python3.11 include/python3.11)
  [ -e "$prefix/lib/libpython3.11.so.1.0" ] && parts+=(lib/libpython3.11.so.1.0)
  tar -C "$prefix" --exclude='lib/python3.11/site-packages/*' --exclude='lib/python3.11/test' --exclude=__pycache__ \
    --exclude='config-3.11*' -cf - "${parts[@]}" | tar -C "$root/usr/local" -xf -
  ln -sf python3.11 "$root/usr/local/bin/python3"
  ln -sf python3.11 "$root/usr/local/bin/python"
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
  if [ -s /etc/pip.conf ]; then cp /etc/pip.conf "$root/etc/pip.conf"; fi
  ldconfig -r "$root"
  chroot "$root" /usr/local/bin/python3 -m ensurepip --upgrade >/dev/null 2>&1
  ln -sf pip3 "$root/usr/local/bin/pip"
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
  tar -C "$root" -cf "$archive.new" .
  mv "$archive.new" "$archive"
  rm -rf "$root"
fi
if ! podman image exists "$BASE_IMAGE"; then
  podman import -q --change 'CMD ["python3"]' \
    --change 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin' "$archive" "$BASE_IMAGE" >/dev/null
fi
