#!/bin/bash
# The first process of the guest: brings the machine up, runs the test, powers off.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb
# The archive of the guest leaves out what its build machine had mounted there.
mkdir -p /proc /sys /dev /run /tmp
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mkdir -p /run/lock/iscsi /run/udev

for module in e1000 crc32c_generic iscsi_tcp sd_mod dm_multipath ext4 xfs; do
  modprobe -q $module
done
ip link set lo up
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2

/lib/systemd/systemd-udevd --daemon >/dev/null 2>&1
udevadm trigger
udevadm settle -t 30

echo 'InitiatorName=iqn.2026-01.org.example:guest' >/etc/iscsi/initiatorname.iscsi
iscsid

. /test/settings
timeout -k 5 "$TEST_LIMIT_S" bash /test/guest-test.sh
code=$?
[ $code = 124 ] && echo "STEP the whole test: FAIL (more than $TEST_LIMIT_S s)"
[ $code = 0 ] && echo 'VERDICT PASS' || echo "VERDICT FAIL ($code)"
sync
echo o >/proc/sysrq-trigger
sleep 60
