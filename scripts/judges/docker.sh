#!/usr/bin/env bash
# Judges the image part with a real engine and a real registry, both on the loopback.
#
#   scripts/judges/docker.sh HA_DEPLOY ORDERS [TEST...]
#
# HA_DEPLOY is the program, ORDERS the static binary of examples/orders. Starts what does not run yet, with data of
# its own, and ends it again. Without a network: images are built FROM scratch. Wants root for dockerd and tmpfs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
program=$(realpath "$1")
orders=$(realpath "$2")
shift 2

sudo=()
((EUID == 0)) || sudo=(sudo)
install() {
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}
packages=()
command -v docker >/dev/null && command -v dockerd >/dev/null || packages+=(docker.io)
command -v docker-registry >/dev/null || packages+=(docker-registry)
[[ -x /bin/busybox ]] && ! ldd /bin/busybox >/dev/null 2>&1 || packages+=(busybox-static)
if ((${#packages[@]})); then
  install "${packages[@]}" || { "${sudo[@]}" apt-get update && install "${packages[@]}"; }
fi

place=$(mktemp -d)
pids=()
stop() {
  local pid
  for pid in "${pids[@]}"; do
    "${sudo[@]}" kill "$pid" 2>/dev/null || true
  done
  for pid in "${pids[@]}"; do
    while "${sudo[@]}" kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
  done
  "${sudo[@]}" umount "$place/small" 2>/dev/null || true
  "${sudo[@]}" rm -rf "$place"
}
trap stop EXIT

# daemon NAME DATA: an engine with data of its own. ${apart[@]} goes before it.
apart=()
daemon() {
  local name=$1 data=$2
  shift 2
  "${sudo[@]}" "${apart[@]}" dockerd --host "unix://$place/$name.sock" --data-root "$data" --exec-root "$place/$name.exec" \
    --pidfile "$place/$name.pid" "$@" >"$place/$name.log" 2>&1 &
  pids+=($!)
  for _ in {1..100}; do
    DOCKER_HOST=unix://$place/$name.sock docker version >/dev/null 2>&1 && break
    sleep 0.2
  done
  DOCKER_HOST=unix://$place/$name.sock docker version >/dev/null || { cat "$place/$name.log"; return 1; }
  ((EUID == 0)) || "${sudo[@]}" chmod 666 "$place/$name.sock"
}

if ! docker version >/dev/null 2>&1; then
  daemon engine "$place/data"
  export DOCKER_HOST=unix://$place/engine.sock
fi
# An engine whose disk is nearly full: 48 MiB, of which an engine takes some itself.
mkdir "$place/small"
"${sudo[@]}" mount -t tmpfs -o size=48m tmpfs "$place/small"
# In a network of its own: an engine without a bridge removes that of another one.
apart=(unshare --net)
daemon full "$place/small" --bridge none --iptables=false --ip-forward=false --storage-driver vfs
export JUDGE_FULL=unix://$place/full.sock

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$place/registry.yml" <<END
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $place/registry}, delete: {enabled: true}}
http: {addr: "127.0.0.1:$port"}
END
docker-registry serve "$place/registry.yml" >"$place/registry.log" 2>&1 &
pids+=($!)

mkdir "$place/work"
JUDGE_REGISTRY=127.0.0.1:$port JUDGE_PLACE=$place/work python3 scripts/judges/image_judge.py "$program" "$orders" "$@"
