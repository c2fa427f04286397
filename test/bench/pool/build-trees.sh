#!/bin/bash
# Builds ten Debian installations once, each the one before with more packages, as ext4 images: the first
# is what debootstrap calls minimal. Installed in the tree itself, so that its package database, caches
# and links change as they do on a machine.
#
#   build-trees.sh          prints the folder that holds tree-0.raw to tree-9.raw
#
# The cache lies outside the checkout: $SCALE_CACHE, or ~/.cache/storage-scale. Needs root,
# debootstrap, e2fsprogs, a Debian mirror and about 5 GB there.
set -euo pipefail

suite=bookworm
steps=(
  ''
  'procps iproute2 less nano'
  'openssh-server rsync cron'
  'curl wget ca-certificates gnupg'
  'python3'
  'git perl'
  'nginx-light sqlite3'
  'gcc libc6-dev'
  'php-cli redis-server'
  'vim ruby'
)
mirror=${SCALE_DEBIAN_MIRROR:-}

here=$(cd "$(dirname "$0")" && pwd)
recipe=$(sha256sum "$here/build-trees.sh" | cut -c1-12)
cache=${SCALE_CACHE:-$HOME/.cache/storage-scale}
trees=$cache/trees-$suite-$recipe

if [ -f "$trees/done" ]; then
  echo "$trees"
  exit 0
fi

for tool in debootstrap mke2fs; do
  command -v $tool >/dev/null || { echo "build-trees: $tool is missing: apt-get install debootstrap e2fsprogs" >&2; exit 1; }
done
[ "$(id -u)" = 0 ] || { echo 'build-trees: debootstrap needs root' >&2; exit 1; }

mkdir -p "$cache"
work=$(mktemp -d "$cache/building.XXXXXX")
trap 'rm -rf "$work"' EXIT
tree=$work/tree
mkdir "$work/out"

echo "build-trees: debootstrap $suite into $work (a few minutes, once)" >&2
nice debootstrap --variant=minbase $suite "$tree" $mirror >&2
# Nothing is started in it.
printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
chmod 755 "$tree/usr/sbin/policy-rc.d"

for index in "${!steps[@]}"; do
  if [ -n "${steps[$index]}" ]; then
    echo "build-trees: ${steps[$index]}" >&2
    nice chroot "$tree" env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -q -y \
      install --no-install-recommends ${steps[$index]} >&2
  fi
  nice chroot "$tree" apt-get clean
  kibibytes=$(du -s -k "$tree" | cut -f1)
  blocks=$(((kibibytes * 115 / 100 + 8192) / 4))
  nice mke2fs -q -F -t ext4 -b 4096 -d "$tree" "$work/out/tree-$index.raw" $blocks >&2
done
touch "$work/out/done"
rm -rf "$trees"
mv "$work/out" "$trees"
echo "$trees"
