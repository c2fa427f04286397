#!/bin/bash
# The test inside the guest. Settings come from /test/settings: HOST PORTS CONTROL_PORT IQN LUN
# SIZE_BYTES CHAP_USER CHAP_SECRET MUTUAL_USER MUTUAL_SECRET IS_ADVERTISED STEPS.
# Each step is bounded by a timeout and prints one line: STEP name: ok | FAIL.
set -u
. /test/settings

failures=0
wants() { [ "$STEPS" = all ] || [[ " $STEPS " == *" $1 "* ]]; }

# step NAME SECONDS FUNCTION: its output goes to the transcript, indented.
step() {
  local name=$1 limit=$2 action=$3 code start=$SECONDS
  echo "BEGIN $name"
  export -f "$action"
  timeout -k 5 "$limit" bash -c "set -euo pipefail; . /test/settings; . /test/guest-steps.sh; . /test/path-steps.sh; $action" 2>&1 |
    sed 's/^/    /'
  code=${PIPESTATUS[0]}
  if [ "$code" = 0 ]; then
    echo "STEP $name: ok ($((SECONDS - start)) s)"
  else
    echo "STEP $name: FAIL (exit code $code after $((SECONDS - start)) s)"
    failures=$((failures + 1))
    dmesg | tail -n 15 | sed 's/^/    dmesg: /'
  fi
  return "$code"
}

. /test/guest-steps.sh
. /test/path-steps.sh

if ! step 'discovery and login, CHAP both ways, digests on' 120 log_in; then
  exit 1
fi
wants inquire && step 'what the LUN says of itself' 60 inquire
wants ext4 && step 'ext4: fio with verification, fsck' 400 use_ext4
wants xfs && step 'xfs: fio with verification, xfs_repair' 400 use_xfs
wants discard && step 'blkdiscard gives the space back' 300 discard_device
wants trim && step 'fstrim gives the space back' 300 trim_file_system
wants term && step 'the target ends with SIGTERM under I/O and comes back' 400 survive_term
wants kill && step 'the target is killed with SIGKILL under I/O and comes back' 400 survive_kill
step 'logout' 60 log_out

wants_paths() {
  local name
  [ "$(wc -w <<<"$PORTS")" = 2 ] || return 1
  for name in reserve persist copy multipath cut restart resize unmap; do wants $name && return; done
  return 1
}

if wants_paths; then
  if ! step 'login by two portals' 120 log_in_by_both; then
    exit 1
  fi
  wants reserve && step 'reservations: both paths, another initiator, preempt' 200 use_reservations
  wants persist && step 'reservations over a restart of the target, with APTPL and without' 200 restart_reserved
  wants copy && step 'offloaded copy: EXTENDED COPY' 200 copy_offloaded
  step 'dm-multipath with hosts/multipath.conf' 200 start_multipath
  wants multipath && step 'ALUA: the same groups by every path' 60 compare_paths
  wants cut && step 'fio with verification while each path is cut and comes back' 400 survive_cuts
  wants restart && step 'the target restarts under two paths' 400 survive_restart
  wants resize && step 'resize is seen' 100 see_resize
  wants unmap && step 'blkdiscard by multipath gives the space back' 300 discard_map
  step 'logout of both paths' 100 log_out_of_both
fi
exit $((failures > 0))
