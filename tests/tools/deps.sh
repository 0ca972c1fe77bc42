#!/usr/bin/env bash
# Installs the Debian packages that a group of verbs needs: deps.sh build|check|web|lab|bench.
# Does nothing (and needs no root) when they are all there.
set -euo pipefail

build=(g++-12 make pkg-config protobuf-compiler libprotobuf-dev libev-dev libgnutls28-dev libmicrohttpd-dev
       libsqlite3-dev libtomlplusplus-dev rapidjson-dev libfmt-dev libzstd-dev liblz4-dev libxxhash-dev libxen-dev
       libcli11-dev libcurl4-gnutls-dev python3 python3-yaml zlib1g-dev musl-tools libnbd-dev)
check=("${build[@]}" libgtest-dev clang-14 libclang-rt-14-dev clang-format-14 python3 python3-jsonschema curl git gnutls-bin openssl
       xen-utils-4.17 binutils qemu-utils prometheus)
web=("${build[@]}" chromium fonts-dejavu-core)
# Whoever has node from elsewhere (it brings npm) keeps it.
command -v npm >/dev/null || web+=(nodejs npm)
lab=("${build[@]}" qemu-system-x86 qemu-utils seabios mmdebstrap e2fsprogs openssh-client gcc-12
     python3 curl gnutls-bin openssl)
bench=("${lab[@]}" libbenchmark-dev libssl-dev casync rsync zsync time iproute2 e2fsprogs valgrind ganeti-htools-3.0 wrk)

case "${1:-}" in
    build) wanted=("${build[@]}") ;;
    check) wanted=("${check[@]}") ;;
    web) wanted=("${web[@]}") ;;
    lab) wanted=("${lab[@]}") ;;
    bench) wanted=("${bench[@]}") ;;
    *) echo "usage: deps.sh build|check|web|lab|bench" >&2; exit 2 ;;
esac

missing=()
for package in "${wanted[@]}"; do
    status=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
    [ "$status" = "install ok installed" ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

echo "installing: ${missing[*]}"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "need root (or sudo) to install packages" >&2; exit 1; }
    as_root=(sudo)
fi
export DEBIAN_FRONTEND=noninteractive
# Wanted for their tools (promtool), not as services: nothing that is installed here is started.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap '"${as_root[@]}" rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
    "${as_root[@]}" chmod 0755 $policy
fi
options=(-o DPkg::Lock::Timeout=600 -y --no-install-recommends)
if ! "${as_root[@]}" apt-get "${options[@]}" install "${missing[@]}" >/dev/null 2>&1; then
    "${as_root[@]}" apt-get -o DPkg::Lock::Timeout=600 update >/dev/null
    "${as_root[@]}" apt-get "${options[@]}" install "${missing[@]}" >/dev/null
fi
