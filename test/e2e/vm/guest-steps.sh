# The steps of the guest test, sourced by guest-test.sh. A step fails when one of its commands does.

portal=$HOST:${PORTS%% *}

# Asks the host for something that only it can do; prints its answer.
ask_host() {
  local answer
  exec 9<>"/dev/tcp/$HOST/$CONTROL_PORT"
  echo "$*" >&9
  IFS= read -r -t 120 answer <&9
  exec 9<&-
  echo "$answer"
}

device() {
  local name
  for name in /dev/disk/by-path/*"$IQN-lun-$LUN"; do
    readlink -f "$name"
  done
}

# set_node PORTAL NAME VALUE
set_node() {
  iscsiadm -m node -T "$IQN" -p "$1" -o update -n "$2" -v "$3"
}

# prepare_node PORTAL: how this guest logs in there.
prepare_node() {
  set_node "$1" node.session.auth.authmethod CHAP
  set_node "$1" node.session.auth.username "$CHAP_USER"
  set_node "$1" node.session.auth.password "$CHAP_SECRET"
  set_node "$1" node.session.auth.username_in "$MUTUAL_USER"
  set_node "$1" node.session.auth.password_in "$MUTUAL_SECRET"
  set_node "$1" 'node.conn[0].iscsi.HeaderDigest' CRC32C
  set_node "$1" 'node.conn[0].iscsi.DataDigest' CRC32C
  # Emulation is slow: give answers time, and let no restart of the target end in an I/O error.
  set_node "$1" 'node.conn[0].timeo.noop_out_timeout' 30
  set_node "$1" node.session.timeo.replacement_timeout 120
}

log_in() {
  echo '$ iscsiadm discovery'
  iscsiadm -m discovery -t sendtargets -p "$portal" | tee /tmp/discovered
  grep -q "$IQN" /tmp/discovered
  if [ "$IS_ADVERTISED" = no ]; then
    # This target names an address that only its own machine can reach.
    iscsiadm -m node -o delete || true
    iscsiadm -m node -o new -T "$IQN" -p "$portal"
  fi
  prepare_node "$portal"
  iscsiadm -m node -T "$IQN" -p "$portal" --login
  udevadm settle -t 30
  iscsiadm -m session -P3 | tee /tmp/session
  grep -q 'HeaderDigest: CRC32C' /tmp/session
  grep -q 'DataDigest: CRC32C' /tmp/session
  [ "$(blockdev --getsize64 "$(device)")" = "$SIZE_BYTES" ]
}

inquire() {
  local disk
  disk=$(device)
  lsscsi -s
  sg_inq "$disk"
  sg_vpd -p di "$disk"
  sg_vpd -p sn "$disk"
  sg_vpd -p bl "$disk"
  sg_vpd -p lbpv "$disk"
  sg_readcap --long "$disk"
  grep -H . "/sys/block/$(basename "$disk")/queue/discard_max_bytes" \
    "/sys/block/$(basename "$disk")/queue/logical_block_size" \
    "/sys/block/$(basename "$disk")/queue/write_cache"
}

# verified_io DIRECTORY SIZE [more options]: random writes by fio, each block read back and compared.
verified_io() {
  local directory=$1 size=$2
  shift 2
  fio --name=verified --directory="$directory" --size="$size" "$@" --rw=randwrite --bs=4k --iodepth=8 \
    --ioengine=libaio --direct=1 --verify=crc32c --verify_fatal=1 --do_verify=1 --end_fsync=1 |
    grep -E 'err=|IOPS='
}

mount_new() {
  local type=$1 disk
  disk=$(device)
  umount /mnt 2>/dev/null || true
  if [ "$type" = ext4 ]; then mkfs.ext4 -q -F "$disk"; else mkfs.xfs -q -f "$disk"; fi
  mount "$disk" /mnt
}

use_ext4() {
  mount_new ext4
  verified_io /mnt 64M
  cp -r /usr/lib/x86_64-linux-gnu/security /mnt/tree
  sync
  umount /mnt
  e2fsck -f -n "$(device)"
  mount "$(device)" /mnt
  diff -r /usr/lib/x86_64-linux-gnu/security /mnt/tree
  umount /mnt
}

use_xfs() {
  mount_new xfs
  verified_io /mnt 64M
  cp -r /usr/lib/x86_64-linux-gnu/security /mnt/tree
  sync
  umount /mnt
  xfs_repair -n "$(device)"
  mount "$(device)" /mnt
  diff -r /usr/lib/x86_64-linux-gnu/security /mnt/tree
  umount /mnt
}

# falls_below LIMIT SECONDS: waits until the target uses less than that many bytes.
falls_below() {
  local used i
  for ((i = 0; i < $2; i++)); do
    used=$(ask_host used)
    if [ "$used" -lt "$1" ]; then
      echo "used $used bytes after $i s"
      return 0
    fi
    sleep 1
  done
  echo "still $used bytes used after $2 s, wanted less than $1"
  return 1
}

discard_device() {
  local disk before full megabytes=128
  disk=$(device)
  blkdiscard -f "$disk"
  sleep 5
  before=$(ask_host used)
  dd if=/dev/urandom of="$disk" bs=1M count=$megabytes oflag=direct conv=fsync status=none
  full=$(ask_host used)
  echo "used $before bytes empty, $full with $megabytes MiB written"
  [ $((full - before)) -gt $((megabytes * 900000)) ]
  blkdiscard -f "$disk"
  falls_below $((before + megabytes * 1048576 / 4)) 60
  cmp -n $((megabytes * 1048576)) "$disk" /dev/zero
}

trim_file_system() {
  local before full megabytes=128
  mount_new ext4
  sync
  fstrim -v /mnt
  sleep 5
  before=$(ask_host used)
  dd if=/dev/urandom of=/mnt/file bs=1M count=$megabytes conv=fsync status=none
  full=$(ask_host used)
  echo "used $before bytes empty, $full with a file of $megabytes MiB"
  [ $((full - before)) -gt $((megabytes * 900000)) ]
  rm /mnt/file
  sync
  fstrim -v /mnt
  falls_below $((before + megabytes * 1048576 / 4)) 60
  umount /mnt
}

# survive COMMAND: the host restarts the target while fio writes and verifies on a mounted ext4.
survive() {
  local before
  before=$(dmesg | grep -cE 'I/O error|Remounting filesystem read-only' || true)
  mount_new ext4
  cp -r /usr/lib/x86_64-linux-gnu/security /mnt/tree
  sync
  verified_io /mnt 48M --time_based --runtime=20 >/tmp/fio.out 2>&1 &
  local fio=$!
  sleep 4
  kill -0 $fio
  echo "restart: $(ask_host "$1")"
  wait $fio || { cat /tmp/fio.out; return 1; }
  cat /tmp/fio.out
  echo 3 >/proc/sys/vm/drop_caches
  diff -r /usr/lib/x86_64-linux-gnu/security /mnt/tree
  umount /mnt
  e2fsck -f -n "$(device)"
  [ "$(dmesg | grep -cE 'I/O error|Remounting filesystem read-only' || true)" = "$before" ]
  iscsiadm -m session -P3 | grep -E 'Session State|Connection State'
}

survive_term() { survive 'restart term'; }
survive_kill() { survive 'restart kill'; }

log_out() {
  iscsiadm -m node -T "$IQN" -p "$portal" --logout
  [ -z "$(lsscsi)" ]
}
