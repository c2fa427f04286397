# The steps over two portals, sourced by guest-test.sh behind guest-steps.sh.

other_initiator=iqn.2026-01.org.example:other-guest
pattern=/tmp/pattern

each_portal() {
  local port
  for port in $PORTS; do echo "$HOST:$port"; done
}

# path N: the SCSI disk behind portal number N of the guest's own sessions.
path() {
  local port=${PORTS%% *}
  [ "$1" = 0 ] || port=${PORTS##* }
  path_of "iqn.2026-01.org.example:guest" "$port"
}

# path_of INITIATOR PORT: the disk of that initiator's session to that portal.
path_of() {
  local session name found
  for session in /sys/class/iscsi_session/session*; do
    name=${session##*/}
    [ "$(cat "$session/initiatorname")" = "$1" ] || continue
    grep -qx "$2" /sys/class/iscsi_connection/connection"${name#session}":*/persistent_port || continue
    for found in "$session"/device/target*/*:*:*:"$LUN"/block/*; do
      [ -e "$found" ] && echo "/dev/${found##*/}" && return 0
    done
  done
  echo "no disk of $1 at port $2" >&2
  return 1
}

# settled COMMAND…: again while the unit only says what happened to it (sg3_utils: exit code 6).
settled() {
  local code i
  for ((i = 0; i < 20; i++)); do
    code=0
    "$@" || code=$?
    [ "$code" = 6 ] || return "$code"
  done
  return 6
}

# eventually SECONDS COMMAND…: until it succeeds.
eventually() {
  local i limit=$1
  shift
  for ((i = 0; i < limit; i++)); do
    "$@" && return 0
    sleep 1
  done
  echo "not within $limit s: $*"
  return 1
}

log_in_by_both() {
  local portal
  iscsiadm -m discovery -t sendtargets -p "$HOST:${PORTS%% *}"
  for portal in $(each_portal); do
    prepare_node "$portal"
    iscsiadm -m node -T "$IQN" -p "$portal" --login
  done
  udevadm settle -t 30
  lsscsi -tg
  path 0
  path 1
}

reserve_out() {
  local disk=$1
  shift
  settled sg_persist --no-inquiry --out "$@" "$disk"
}

# keys DISK, reservation DISK: what is registered, and who holds what, as one line.
keys() { settled sg_persist --no-inquiry --in --read-keys "$1" | grep -o '0x[0-9a-f]*$' | sort | tr '\n' ' '; }
reservation() { settled sg_persist --no-inquiry --in --read-reservation "$1" | tr '\n' ' '; }

# expect WHAT WANTED GOT
expect() {
  echo "$1: $3"
  [[ "$3" == $2 ]] && return 0
  echo "wanted: $2"
  return 1
}

# can_write DISK BYTE: one block of that byte at the disk's start.
can_write() {
  head -c 4096 /dev/zero | tr '\0' "$2" >/tmp/block
  dd if=/tmp/block of="$1" bs=4096 count=1 oflag=direct conv=notrunc status=none
}

# refused COMMAND…: succeeds when it fails (set -e does not look at '!').
refused() {
  if "$@" 2>/dev/null; then
    echo "not refused: $*"
    return 1
  fi
}

first_byte() { dd if="$1" bs=4096 count=1 iflag=direct status=none | head -c 1; }

log_in_as_another() {
  local portal=$HOST:${PORTS%% *}
  iscsiadm -m iface -I other -o new
  iscsiadm -m iface -I other -o update -n iface.initiatorname -v "$other_initiator"
  iscsiadm -m discovery -t sendtargets -p "$portal" -I other -o new
  prepare_node "$portal"
  iscsiadm -m node -T "$IQN" -p "$portal" -I other --login
  udevadm settle -t 30
}

use_reservations() {
  local a b c
  log_in_as_another
  a=$(path 0) b=$(path 1) c=$(path_of "$other_initiator" "${PORTS%% *}")
  reserve_out "$a" --register --param-sark=0xabc
  reserve_out "$b" --register --param-sark=0xabc
  expect 'keys of two paths, seen by the other initiator' '0xabc 0xabc ' "$(keys "$c")"
  reserve_out "$a" --reserve --param-rk=0xabc --prout-type=7
  expect 'reservation seen by the second path' '*Write Exclusive, all registrants*' "$(reservation "$b")"
  can_write "$a" A
  can_write "$b" B
  refused can_write "$c" C
  expect 'after a refused write' B "$(first_byte "$c")"
  refused reserve_out "$c" --register --param-rk=0x1 --param-sark=0xdef
  reserve_out "$c" --register --param-sark=0xdef
  reserve_out "$c" --preempt --param-rk=0xdef --param-sark=0 --prout-type=5
  expect 'keys after preempting all registrants' '0xdef ' "$(keys "$a")"
  expect 'reservation after it' '*Write Exclusive, registrants only*' "$(reservation "$a")"
  refused can_write "$a" A
  can_write "$c" C
  expect 'what the new holder wrote' C "$(first_byte "$b")"
  reserve_out "$c" --clear --param-rk=0xdef
  expect 'keys after a clear' '' "$(keys "$a")"
  iscsiadm -m node -T "$IQN" -I other --logout
  iscsiadm -m node -T "$IQN" -I other -o delete
}

logged_in_again() { [ "$(iscsiadm -m session -P3 | grep -c 'iSCSI Session State: LOGGED_IN')" = 2 ]; }

restart_reserved() {
  local a b
  a=$(path 0) b=$(path 1)
  reserve_out "$a" --register --param-sark=0xabc --param-aptpl
  reserve_out "$a" --reserve --param-rk=0xabc --prout-type=5
  echo "restart: $(ask_host restart term)"
  eventually 60 logged_in_again
  expect 'keys with APTPL after a restart' '0xabc ' "$(keys "$b")"
  expect 'reservation with APTPL after a restart' '*Write Exclusive, registrants only*' "$(reservation "$b")"
  can_write "$a" A
  refused can_write "$b" B
  reserve_out "$a" --register --param-rk=0xabc --param-sark=0xabd
  echo "restart: $(ask_host restart kill)"
  eventually 60 logged_in_again
  expect 'keys without APTPL after a restart' '' "$(keys "$b")"
  can_write "$b" B
}

# generic DISK: its SCSI generic device.
generic() { echo "/dev/$(ls "/sys/block/${1##*/}/device/scsi_generic")"; }

copy_offloaded() {
  local a b blocks=32768
  modprobe sg
  a=$(path 0) b=$(path 1)
  head -c $((blocks * 512)) /dev/urandom >$pattern
  dd if=$pattern of="$a" bs=1M oflag=direct conv=notrunc status=none
  echo '$ sg_xcopy, 16 MiB from block 0 to block 262144'
  settled sg_xcopy if="$(generic "$a")" of="$(generic "$b")" bs=512 count=$blocks seek=262144
  dd if="$b" bs=1M skip=128 count=16 iflag=direct status=none | cmp - $pattern
}

map() { echo /dev/mapper/mpatha; }
active_paths() { multipathd show paths raw format '%t %o' | grep -c 'active running'; }
paths_are() { [ "$(active_paths)" = "$1" ]; }
map_is_there() { [ -b "$(map)" ]; }

start_multipath() {
  local module
  for module in dm_service_time dm_round_robin scsi_dh_alua; do modprobe -q $module; done
  setsid multipathd -d -s </dev/null >/tmp/multipathd.log 2>&1 &
  eventually 60 map_is_there
  eventually 60 paths_are 2
  multipath -ll | tee /tmp/map
  grep -q 'SCALE' /tmp/map
  grep -q "hwhandler='1 alua'" /tmp/map
  # One group of both paths: all ports are active/optimized.
  [ "$(grep -c 'prio=50 status=active' /tmp/map)" = 1 ]
  [ "$(grep -c 'active ready running' /tmp/map)" = 2 ]
}

compare_paths() {
  local n
  for n in 0 1; do
    settled sg_rtpg --decode "$(path $n)" | tee "/tmp/groups-$n"
    settled sg_vpd -p di "$(path $n)" | grep -A1 -E 'Target port group|Relative target port' || true
  done
  cmp /tmp/groups-0 /tmp/groups-1
  grep -q 'active/optimized' /tmp/groups-0
}

# verified_map_io SECONDS: on the map, in the background; its pid is in $fio.
verified_map_io() {
  fio --name=verified --filename="$(map)" --size=48M --time_based --runtime="$1" --rw=randwrite --bs=4k \
    --iodepth=8 --ioengine=libaio --direct=1 --verify=crc32c --verify_fatal=1 --do_verify=1 \
    --verify_backlog=2048 >/tmp/fio.out 2>&1 &
  fio=$!
  sleep 3
  kill -0 $fio
}

fio_succeeds() {
  local code=0
  wait "$fio" || code=$?
  if [ $code != 0 ]; then cat /tmp/fio.out; else grep -E 'err=|IOPS=' /tmp/fio.out; fi
  return $code
}

survive_cuts() {
  local n fio
  verified_map_io 60
  for n in 0 1; do
    ask_host cut $n
    eventually 60 paths_are 1
    multipath -ll
    kill -0 $fio
    ask_host restore $n
    eventually 60 paths_are 2
  done
  fio_succeeds
}

survive_restart() {
  local fio
  verified_map_io 25
  echo "restart: $(ask_host restart kill)"
  eventually 60 paths_are 2
  fio_succeeds
  multipath -ll
}

map_has_size() { [ "$(blockdev --getsize64 "$(map)")" = "$1" ]; }
noticed() { dmesg | grep -q 'Capacity data has changed'; }

see_resize() {
  local size=$((SIZE_BYTES + 64 * 1048576)) n
  ask_host resize $size
  # The unit attention comes with the next command of each path.
  for n in 0 1; do dd if="$(path $n)" of=/dev/null bs=4096 count=1 iflag=direct status=none; done
  eventually 10 noticed
  iscsiadm -m session --rescan
  udevadm settle -t 30
  multipathd resize map mpatha
  eventually 20 map_has_size $size
}

discard_map() {
  local before full megabytes=64
  blkdiscard -f "$(map)"
  sleep 5
  before=$(ask_host used)
  dd if=/dev/urandom of="$(map)" bs=1M count=$megabytes oflag=direct conv=fsync status=none
  full=$(ask_host used)
  echo "used $before bytes empty, $full with $megabytes MiB written"
  [ $((full - before)) -gt $((megabytes * 900000)) ]
  blkdiscard -f "$(map)"
  falls_below $((before + megabytes * 1048576 / 4)) 60
}

log_out_of_both() {
  multipath -f mpatha
  # It may be gone before it has answered.
  multipathd shutdown || true
  iscsiadm -m node -T "$IQN" --logout
  [ -z "$(lsscsi)" ]
}
