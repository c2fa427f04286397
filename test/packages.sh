#!/bin/sh
# Installs what the tests use as initiators, where that is possible; else says what is left out.
# With 'bench' or 'e2e', what those need besides.
set -eu

missing=
command -v iscsi-ls >/dev/null 2>&1 || missing="$missing libiscsi-bin"
command -v qemu-img >/dev/null 2>&1 || missing="$missing qemu-utils"
if [ -z "$(find /usr/lib -name 'block-iscsi.so' -print 2>/dev/null | head -n 1)" ]; then
  missing="$missing qemu-block-extra"
fi
case "${1:-}" in
  bench)
    command -v tgtd >/dev/null 2>&1 || missing="$missing tgt"
    [ -e /usr/include/iscsi/iscsi.h ] || missing="$missing libiscsi-dev"
    ;;
  e2e)
    command -v debootstrap >/dev/null 2>&1 || missing="$missing debootstrap"
    command -v qemu-system-x86_64 >/dev/null 2>&1 || missing="$missing qemu-system-x86"
    ;;
esac
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  log=$(mktemp)
  # shellcheck disable=SC2086
  if { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing; } \
    >"$log" 2>&1; then
    rm -f "$log"
    exit 0
  fi
  tail -n 3 "$log" >&2
  rm -f "$log"
fi
echo "packages: missing$missing (Debian: apt-get install$missing); the tests that need them are left out" >&2
