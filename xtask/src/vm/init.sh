#!/bin/busybox sh
# First process of a guest. Tells the host on the port `control` what happens:
# `ready`, `alive` now and then, `load-failed FILE`, `unload-failed NAME`,
# `exit STATUS`, `tainted MASK`, `done`.
/bin/busybox mkdir -p /proc /sys /dev /tmp /run /mnt /share
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox --install -s /bin
export PATH=/share/bin:/bin HOME=/root TERM=${TERM:-dumb} LANG=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t debugfs debug /sys/kernel/debug
mount -t tracefs trace /sys/kernel/tracing
mount -t tmpfs tmp /tmp
mkdir -p /dev/pts /dev/shm
mount -t devpts pts /dev/pts
mount -t tmpfs shm /dev/shm
hostname "$(cat /etc/hostname)"
. /etc/kflat/guest

for module in $EARLY; do insmod "/early/$module"; done

# A guest on a clock of instructions has serial lines, and nothing else of the host: both
# outputs share one.
serial_line() {
	number=0
	for name in $SERIAL; do
		if [ "$name" = "$1" ]; then
			stty -F "/dev/ttyS$number" raw
			echo "/dev/ttyS$number"
		fi
		number=$((number + 1))
	done
}
port() {
	if [ -n "$SERIAL" ]; then
		serial_line "${1/stderr/stdout}"
		return
	fi
	for entry in /sys/class/virtio-ports/*; do
		if [ "$(cat "$entry/name")" = "$1" ]; then
			echo "/dev/${entry##*/}"
			return
		fi
	done
}
finish() {
	tell "tainted $(cat /proc/sys/kernel/tainted)"
	dmesg >"$(port dmesg)"
	tell done
	sync
	poweroff -f
}
exec 3>"$(port control)"
tell() { echo "$1" >&3; }

mount9p() { mount -t 9p -o "trans=virtio,version=9p2000.L,msize=262144,$3" "$1" "$2"; }
if [ -z "$SERIAL" ]; then
	mount9p share /share access=any || tell "load-failed /share"
	mkdir -p "$CHECKOUT"
	mount9p checkout "$CHECKOUT" ro,access=any,cache=loose || tell "load-failed $CHECKOUT"
	while sleep 5; do tell alive; done &
fi
tell ready

for module in $MODULES; do
	if ! message=$(insmod "/modules/$module" 2>&1); then
		tell "load-failed $module: $message"
		finish
	fi
done

cd /share
if [ -n "$INTERACTIVE" ]; then
	# The terminal is a serial line; its size is not known by itself.
	stty -F /dev/ttyS1 rows "$ROWS" columns "$COLUMNS"
	setsid -c sh -l </dev/ttyS1 >/dev/ttyS1 2>&1 3>&-
	status=$?
else
	# Pipes, so that the command may open its own /dev/stdout: a port can be
	# open once only.
	mkfifo /run/stdout /run/stderr
	cat /run/stdout >"$(port stdout)" 3>&- &
	stdout=$!
	cat /run/stderr >"$(port stderr)" 3>&- &
	stderr=$!
	sh /etc/kflat/command </dev/null >/run/stdout 2>/run/stderr 3>&-
	status=$?
	# What the command left running may hold the pipes: don't wait for long.
	( sleep 5; kill $stdout $stderr ) 2>/dev/null &
	wait $stdout $stderr
fi

for module in $UNLOAD; do
	if grep -q "^$module " /proc/modules; then
		message=$(rmmod "$module" 2>&1) || tell "unload-failed $module: $message"
	fi
done
tell "exit $status"
finish
