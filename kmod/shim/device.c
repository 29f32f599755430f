// SPDX-License-Identifier: GPL-2.0-only
/* The device file. Each open file is a session, which is Rust's. */
#include <linux/anon_inodes.h>
#include <linux/capability.h>
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/poll.h>

#include "kflat_shim.h"

static struct dentry *entry;

static int device_open(struct inode *inode, struct file *file)
{
	int error = 0;

	if (!capable(CAP_SYS_RAWIO))
		return -EPERM;
	file->private_data = kflat_device_open(&error);
	if (!file->private_data)
		return error;
	return nonseekable_open(inode, file);
}

static int device_release(struct inode *inode, struct file *file)
{
	kflat_device_release(file->private_data);
	return 0;
}

static long device_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	return kflat_device_ioctl(file->private_data, command, argument);
}

static int device_mmap(struct file *file, struct vm_area_struct *vma)
{
	return kflat_device_mmap(file->private_data, vma, vma->vm_pgoff,
				 vma->vm_end - vma->vm_start,
				 vma->vm_flags & (VM_WRITE | VM_EXEC));
}

static ssize_t device_read(struct file *file, char __user *user, size_t size, loff_t *position)
{
	u64 at = *position;
	ssize_t read = kflat_device_read(file->private_data, (u64)user, size, &at);

	*position = at;
	return read;
}

static __poll_t device_poll(struct file *file, struct poll_table_struct *table)
{
	u32 state = kflat_device_poll(file->private_data, file, table);
	__poll_t events = 0;

	if (state & KFLAT_POLL_READABLE)
		events |= EPOLLIN | EPOLLRDNORM;
	if (state & KFLAT_POLL_ERROR)
		events |= EPOLLERR;
	return events;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.open = device_open,
	.release = device_release,
	.unlocked_ioctl = device_ioctl,
	/* The layouts are the same for 32-bit processes only by chance: none. */
	.mmap = device_mmap,
	.read = device_read,
	.poll = device_poll,
};

int kflat_shim_device_create(void)
{
	/*
	 * "unsafe": the file's operations are ours, mmap included, and not
	 * debugfs's wrappers of some. Its removal while it is open can't happen:
	 * an open file holds the module.
	 */
	entry = debugfs_create_file_unsafe("kflat", 0600, NULL, NULL, &operations);
	return PTR_ERR_OR_ZERO(entry);
}

void kflat_shim_device_remove(void)
{
	debugfs_remove(entry);
}

static const struct file_operations detached = {
	.owner = THIS_MODULE,
};

/*
 * Gives a mapping that is being set up a file of its own, so that it does not
 * keep the session's file: closing that ends the session at once. The mapping
 * is still found through the device's pages (unmap_mapping_range()).
 */
int kflat_shim_device_detach(struct vm_area_struct *vma)
{
	struct file *file = anon_inode_getfile("[kflat]", &detached, NULL, O_RDONLY);

	if (IS_ERR(file))
		return PTR_ERR(file);
	file->f_mapping = vma->vm_file->f_mapping;
	vma_set_file(vma, file);
	fput(file);
	return 0;
}
