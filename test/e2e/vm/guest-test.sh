#!/bin/bash
# The test inside the guest. Settings come from /test/settings: HOST PORT CONTROL_PORT IQN LUN
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
  timeout -k 5 "$limit" bash -c "set -euo pipefail; . /test/settings; . /test/guest-steps.sh; $action" 2>&1 |
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
wants logout && step 'logout' 60 log_out
exit $((failures > 0))
