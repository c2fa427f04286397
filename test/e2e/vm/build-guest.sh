#!/bin/bash
# Builds the Linux guest once: a Debian tree with open-iscsi and dm-multipath, its kernel, and the
# tree packed as an initramfs. What a test adds (its init and settings) is a second, small archive
# that the kernel unpacks over this one, so the slow part is never repeated.
#
#   build-guest.sh          prints the folder that holds vmlinuz and guest.cpio.gz
#
# The cache lies outside the checkout: $SCALE_CACHE, or ~/.cache/storage-scale. Needs root,
# debootstrap and about 2 GB there while it builds.
set -euo pipefail

suite=bookworm
packages=linux-image-amd64,open-iscsi,multipath-tools,fio,sg3-utils,kmod,iproute2,udev
packages+=,e2fsprogs,xfsprogs,util-linux,procps,lsscsi
mirror=${SCALE_DEBIAN_MIRROR:-}

here=$(cd "$(dirname "$0")" && pwd)
recipe=$(sha256sum "$here/build-guest.sh" | cut -c1-12)
cache=${SCALE_CACHE:-$HOME/.cache/storage-scale}
guest=$cache/guest-$suite-$recipe

if [ -f "$guest/done" ]; then
  echo "$guest"
  exit 0
fi

for tool in debootstrap gzip; do
  command -v $tool >/dev/null || { echo "build-guest: $tool is missing: apt-get install $tool" >&2; exit 1; }
done
[ "$(id -u)" = 0 ] || { echo 'build-guest: debootstrap needs root' >&2; exit 1; }

mkdir -p "$cache"
work=$(mktemp -d "$cache/building.XXXXXX")
trap 'rm -rf "$work"' EXIT
tree=$work/tree

echo "build-guest: debootstrap $suite into $work (a few minutes, once)" >&2
nice debootstrap --variant=minbase --include=$packages $suite "$tree" $mirror >&2

mkdir -p "$work/out"
cp "$(ls "$tree"/boot/vmlinuz-* | tail -n 1)" "$work/out/vmlinuz"

echo 'build-guest: packing the initramfs' >&2
# cpio comes with the guest's own initramfs tools.
nice chroot "$tree" sh -c "cd / && find . -xdev \
    \( -path ./boot -o -path ./proc -o -path ./sys -o -path ./usr/share/doc -o -path ./usr/share/man \
    -o -path ./usr/share/locale -o -path ./usr/share/i18n -o -path ./var/lib/apt/lists \
    -o -path ./var/cache/apt -o -path ./usr/lib/firmware \
    -o -path './usr/lib/modules/*/kernel/drivers/gpu' -o -path './usr/lib/modules/*/kernel/sound' \
    -o -path './usr/lib/modules/*/kernel/drivers/media' \
    -o -path './usr/lib/modules/*/kernel/drivers/net/wireless' \) -prune -o -print0 |
    cpio --null -o -H newc --quiet" | nice gzip -1 >"$work/out/guest.cpio.gz"
touch "$work/out/done"
rm -rf "$guest"
mv "$work/out" "$guest"
echo "$guest"
