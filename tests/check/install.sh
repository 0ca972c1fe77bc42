#!/usr/bin/env bash
# `make install` puts everything in its place, and a second one leaves the operator's settings alone: install.sh BUILD.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$(mktemp -d -t ballast-install-XXXXXX)
trap 'rm -rf "$root"' EXIT
install() { make --no-print-directory -s BUILD="$1" DESTDIR="$root" PREFIX=/usr install >/dev/null; }
install "$1"
missing=0
for file in usr/sbin/ballast-agent usr/sbin/ballast-image usr/sbin/ballast-vif-bridge usr/sbin/ballast-controller usr/bin/ballast usr/bin/ballast-pki \
    lib/systemd/system/ballast-agent.service lib/systemd/system/ballast-controller.service \
    etc/ballast/agent.toml etc/ballast/controller.toml usr/share/doc/ballast/controller.toml \
    usr/share/man/man1/ballast.1 usr/share/man/man8/ballast-agent.8 usr/share/man/man8/ballast-controller.8 \
    usr/share/bash-completion/completions/ballast usr/share/ballast/cron.d/ballast \
    usr/share/ballast/prometheus/alerts.yml usr/share/ballast/prometheus/prometheus.yml \
    usr/share/ballast/grafana/ballast.json usr/lib/ballast/guest/ballast-guest; do
    [ -s "$root/$file" ] || { echo "missing or empty: /$file"; missing=1; }
done
[ $missing -eq 0 ]
bash -n "$root/usr/share/bash-completion/completions/ballast"
# What the units start is there, and takes the settings that lie there.
for program in agent controller; do
    unit=$root/lib/systemd/system/ballast-$program.service
    started=$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$unit")
    [ -x "$root$started" ] || { echo "$unit starts $started, which is not installed"; exit 1; }
done
# The manual leaves out no option.
for program in agent controller; do
    page=$(sed 's/\\-/-/g' "$root/usr/share/man/man8/ballast-$program.8")
    for option in $("$root/usr/sbin/ballast-$program" --help | grep -oE -- '--[a-z][a-z-]+' | sort -u); do
        grep -qF -- "$option" <<<"$page" || { echo "ballast-$program(8) lacks $option"; exit 1; }
    done
done
if command -v systemd-analyze >/dev/null; then
    systemd-analyze verify --root="$root" --man=no ballast-agent.service ballast-controller.service 2>&1 |
        grep -E "ballast-(agent|controller)\.service:[0-9]+" && exit 1
fi
# In a guest without systemd the program is started again when it ends, until it is told to stop.
awaited() { for _ in $(seq 1200); do "$@" && return; sleep 0.05; done; echo "not within a minute: $*"; return 1; }
lines() { [ "$(wc -l <"$root/$1")" -ge "$2" ]; }
printf '#!/bin/sh\necho $$ >>"%s/begun"; [ -e "%s/stay" ] && exec sleep 3600\n' "$root" "$root" >"$root/guest"
chmod +x "$root/guest"
: >"$root/begun"
init() {
    BALLAST_GUEST=$root/guest BALLAST_GUEST_PIDFILE=$root/guest.pid BALLAST_GUEST_RESPAWN_SECONDS=0 \
        sh "$root/usr/lib/ballast/guest/ballast-guest.init" "$1"
}
gone() { ! kill -0 "$1" 2>/dev/null; }
trap 'init stop; rm -rf "$root"' EXIT
init start
awaited lines begun 3
: >"$root/stay"
awaited pgrep -P "$(cat "$root/guest.pid")" -x sleep >/dev/null
init start
[ "$(init status)" = running ]
keeper=$(cat "$root/guest.pid") kept=$(tail -n 1 "$root/begun")
init stop
awaited gone "$keeper"
awaited gone "$kept"
[ "$(init status)" = "not running" ]
echo "# mine" >> "$root/etc/ballast/controller.toml"
install "$1"
tail -n 1 "$root/etc/ballast/controller.toml" | grep -qx "# mine" || { echo "the settings were overwritten"; exit 1; }
echo "$(find "$root" -type f | wc -l) files are installed"
