/* SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only */
/*
 * The kernel's structures as far as the code looks at them, where `kflat types` says
 * they are: Debian's 6.12.118+deb13-amd64, which open_file.img was captured from.
 */
#ifndef KERNEL_TYPES_H
#define KERNEL_TYPES_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

struct file;

struct inode {
	uint16_t i_mode;
	uint8_t unused_1[78];
	int64_t i_size;
	uint8_t unused_2[536];
};

struct qstr {
	uint32_t hash;
	uint32_t len;
	const unsigned char *name;
};

struct dentry {
	uint32_t d_flags;
	uint8_t unused_1[20];
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	uint8_t unused_2[136];
};

struct path {
	void *mnt;
	struct dentry *dentry;
};

struct file_operations {
	void *owner;
	uint64_t fop_flags;
	int64_t (*llseek)(struct file *file, int64_t offset, int whence);
	uint8_t unused[240];
};

struct file {
	uint8_t unused_1[16];
	const struct file_operations *f_op;
	uint8_t unused_2[16];
	struct inode *f_inode;
	uint8_t unused_3[16];
	struct path f_path;
	uint8_t unused_4[32];
	int64_t f_pos;
	uint8_t unused_5[64];
};

#define AT(type, member, offset) \
	static_assert(offsetof(type, member) == (offset), #member " is elsewhere")

AT(struct inode, i_size, 80);
AT(struct dentry, d_parent, 24);
AT(struct dentry, d_name, 32);
AT(struct dentry, d_inode, 48);
AT(struct file_operations, llseek, 16);
AT(struct file, f_op, 16);
AT(struct file, f_inode, 40);
AT(struct file, f_path, 64);
AT(struct file, f_pos, 112);
static_assert(sizeof(struct inode) == 624 && sizeof(struct dentry) == 192, "sizes");
static_assert(sizeof(struct file_operations) == 264 && sizeof(struct file) == 184, "sizes");

#endif /* KERNEL_TYPES_H */
