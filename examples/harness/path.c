// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * The code under test. It looks at an open file as code in the kernel does, and knows
 * nothing of images.
 */
#include "path.h"

#include <stdio.h>
#include <string.h>

/* What is left of the buffer, before what was written. */
struct rest {
	char *start;
	size_t size;
};

static int prepend(struct rest *rest, const void *text, size_t length)
{
	if (length > rest->size)
		return -1;
	rest->size -= length;
	memcpy(rest->start + rest->size, text, length);
	return 0;
}

/*
 * A name can be exchanged by a rename between the read of its length and that of its
 * bytes, so that the length is that of another. The NUL is always there.
 */
static size_t length_of(const struct qstr *name)
{
#ifdef TRUST_LENGTH
	return name->len;
#else
	return strnlen((const char *)name->name, name->len);
#endif
}

const char *path_of(const struct file *file, char *buffer, size_t size)
{
	const struct dentry *dentry = file->f_path.dentry;
	struct rest rest = { buffer, size };

	if (prepend(&rest, "", 1))
		return NULL;
	if (dentry == dentry->d_parent)
		return prepend(&rest, "/", 1) ? NULL : rest.start + rest.size;
	for (; dentry != dentry->d_parent; dentry = dentry->d_parent) {
		if (prepend(&rest, dentry->d_name.name, length_of(&dentry->d_name)) ||
		    prepend(&rest, "/", 1))
			return NULL;
	}
	return rest.start + rest.size;
}

int64_t seek_to_end(struct file *file)
{
	return file->f_op->llseek(file, 0, SEEK_END);
}
