#!/bin/sh
# Makes the disk of the virtual machine: the Debian of this host, its kernel, systemd, BlueZ, Python and the gateway's locked dependencies.
# The gateway itself is not in it. Prints the folder with vmlinuz, initrd and root.img; a second run finds it there and builds nothing.
#
#   sh tests/vm/image.sh [PYTHON]         PYTHON: whose pip fetches the wheels, for the Python of the image; python3 where not named
#
# Packages come from the sources that apt knows on this host, wheels from where its pip looks, with the hashes of config/lock/run.txt.
set -eu
python=${1:-python3}
here=$(cd "$(dirname "$0")" && pwd)
lock=$(cd "$here/../../config/lock" && pwd)/run.txt

packages="busybox-static,bluez,dbus,e2fsprogs,iproute2,kmod,linux-image-$(dpkg --print-architecture 2>/dev/null || echo amd64),procps,\
python3,python3-venv,rfkill,systemd,systemd-sysv,sudo,tzdata,udev"

# What the virtual machine has no hardware for is left out; it halves the image and the building.
set -f
unwanted="/usr/share/doc/* /usr/share/man/* /usr/share/locale/* /usr/share/info/*"
for part in drivers/gpu drivers/media drivers/infiniband drivers/scsi drivers/staging drivers/iio drivers/hwmon drivers/mtd drivers/video \
    drivers/input drivers/ata drivers/isdn drivers/usb drivers/platform drivers/edac drivers/net/ethernet drivers/net/wireless drivers/net/usb \
    drivers/nvme drivers/target drivers/hid drivers/mfd drivers/comedi drivers/firewire drivers/thunderbolt fs/btrfs fs/xfs fs/ceph fs/nfs fs/nfsd \
    fs/ocfs2 fs/gfs2 fs/smb fs/f2fs sound; do
    unwanted="$unwanted /lib/modules/*/kernel/$part/*"
done
set +f

suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/eldercare-gateway/vm
key=$( (printf "%s\n" "$suite $packages $unwanted"; cat "$here/image.sh" "$here"/guest/*agent*; cat "$lock") | sha256sum | cut -c1-16)
out=$cache/$key
if [ -e "$out/root.img" ]; then echo "$out"; exit 0; fi

for tool in mmdebstrap mke2fs; do
    command -v $tool >/dev/null || [ -x /usr/sbin/$tool ] || { echo "the virtual machine's disk cannot be made: $tool is not installed" >&2; exit 1; }
done
sources=$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Origin: Debian' 'Identifier: Packages' 2>/dev/null |
    sort -u)
[ -n "$sources" ] || { echo "the virtual machine's disk cannot be made: apt on this host knows no Debian packages (apt-get update?)" >&2; exit 1; }

mkdir -p "$cache"
work=$(mktemp -d "$cache/.making-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
echo "making the virtual machine's disk in $out, once: some minutes ..." >&2

# Run by mmdebstrap when the packages are there: outside the new root, but with its owners ($1 is that root).
cat >"$work/finish" <<'F'
set -eu
root=$1
version=$(chroot "$root" python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
platforms=""
for glibc in 2_34 2_31 2_28 2_27 2_24 2_17 2_12 2_5; do platforms="$platforms --platform manylinux_${glibc}_$(uname -m)"; done
# shellcheck disable=SC2086
"$VM_PYTHON" -m pip download -q --disable-pip-version-check --require-hashes --only-binary :all: --python-version "$version" --implementation cp \
    --abi "cp$(echo "$version" | tr -d .)" --abi abi3 --abi none $platforms --platform "manylinux2014_$(uname -m)" --platform any \
    -d "$root/wheels" -r "$VM_LOCK"
cp "$VM_LOCK" "$root/wheels/run.txt"
chroot "$root" python3 -m venv /opt/eldercare-gateway/.venv
chroot "$root" env -i /opt/eldercare-gateway/.venv/bin/pip install -q --disable-pip-version-check --no-index --find-links /wheels --require-hashes -r /wheels/run.txt
rm -rf "$root/wheels"

install -m 644 "$VM_HERE/guest/agent.py" "$root/usr/local/lib/vm-agent.py"
install -m 644 "$VM_HERE/guest/vm-agent.service" "$root/etc/systemd/system/vm-agent.service"
chroot "$root" systemctl -q enable vm-agent.service
install -m 644 "$VM_HERE/guest/vm-agent-network.service" "$root/etc/systemd/system/vm-network.service"
chroot "$root" systemctl -q enable vm-network.service
chroot "$root" systemctl -q set-default multi-user.target
# What a machine without disks, screens and users to come does not need; it halves the boot.
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer getty@tty1.service \
    systemd-logind.service systemd-binfmt.service dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
    sys-fs-fuse-connections.mount modprobe@drm.service modprobe@fuse.service modprobe@efi_pstore.service modprobe@loop.service \
    systemd-pstore.service systemd-journal-flush.service systemd-update-utmp.service systemd-update-utmp-runlevel.service; do
    chroot "$root" systemctl -q mask "$unit"
done
rm -rf "$root/var/log/journal"
printf '/dev/vda / ext4 rw,noatime 0 1\n' >"$root/etc/fstab"
echo gateway >"$root/etc/hostname"
echo '127.0.0.1 localhost gateway' >"$root/etc/hosts"
printf 'b08dfa6083e7567a1921a715000001fb\n' >"$root/etc/machine-id"
passwd=$root/etc/shadow; sed -i 's/^root:[^:]*:/root:*:/' "$passwd"
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/usr/share/i18n "$root"/etc/resolv.conf

# A first file system of our own: busybox, the few modules that find the disk, and nothing to wait for.
kernel=$(basename "$root"/lib/modules/*)
first=$root/first; mkdir -p "$first/bin" "$first/dev" "$first/proc" "$first/root"
cp "$root/bin/busybox" "$first/bin/busybox"
for module in virtio_pci virtio_blk crc32c_generic ext4; do
    chroot "$root" modprobe -S "$kernel" --show-depends $module | sed -n 's/^insmod //p'
done | awk '!seen[$1]++ {print $1}' >"$root/modules"
while read -r module; do
    case $module in *.xz) xz -dc "$root$module" >"$first/$(basename "$module" .xz)" ;; *) cp "$root$module" "$first/" ;; esac
    basename "$module" .xz
done <"$root/modules" >"$first/modules"
cat >"$first/init" <<'I'
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs none /dev
for module in $(/bin/busybox cat /modules); do /bin/busybox insmod /$module; done
until /bin/busybox mount -t ext4 -o noatime /dev/vda /root 2>/dev/null; do /bin/busybox sleep 0.05; done
exec /bin/busybox switch_root /root /sbin/init
I
chmod 755 "$first/init"
chroot "$root" sh -c 'cd /first && find . | busybox cpio -o -H newc 2>/dev/null' >"$VM_WORK/initrd"
cp "$root"/boot/vmlinuz-* "$VM_WORK/vmlinuz"
rm -rf "$first" "$root/modules" "$root"/boot/* "$root/initrd.img" "$root/vmlinuz"
truncate -s 1500M "$VM_WORK/root.img"
# without /proc, /sys and /dev, which are mounted in it just now
mkdir "$VM_WORK/only" && mount --bind "$root" "$VM_WORK/only"
trap 'umount "$VM_WORK/only"' EXIT
PATH=$PATH:/usr/sbin:/sbin mke2fs -q -t ext4 -L root -d "$VM_WORK/only" "$VM_WORK/root.img"
F

keyring=""
[ ! -e /usr/share/keyrings/debian-archive-keyring.gpg ] || keyring=--keyring=/usr/share/keyrings/debian-archive-keyring.gpg
set -f
excludes=""
for path in $unwanted; do excludes="$excludes --dpkgopt=path-exclude=$path"; done
# The first file system is made by us, so that of the distribution need not be.
# shellcheck disable=SC2086
echo "$sources" | VM_PYTHON=$python VM_LOCK=$lock VM_HERE=$here VM_WORK=$work mmdebstrap --variant=essential --format=null $keyring $excludes \
    --include="$packages" --essential-hook='mkdir -p "$1/etc/initramfs-tools"; echo update_initramfs=no > "$1/etc/initramfs-tools/update-initramfs.conf"' \
    --dpkgopt=force-confold --dpkgopt=force-unsafe-io --verbose --logfile="$work/log" \
    --customize-hook="sh $work/finish \"\$1\"" "$suite" /dev/null - || {
    grep -v '^Get:' "$work/log" | tail -40 >&2
    echo "mmdebstrap could not make the virtual machine's disk; its last words are above" >&2
    exit 1
}
set +f
rm -r "$work/finish" "$work/log" "$work/only"
rm -rf "$out"
mv "$work" "$out"
# only the newest two are kept
ls -1dt "$cache"/*/ | tail -n +3 | while read -r old; do rm -rf "$old"; done
echo "$out"
