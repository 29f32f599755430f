/* SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only */
#ifndef PATH_H
#define PATH_H

#include <stddef.h>

#include "kernel_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The path of an open file within its mount, written to the end of buffer, as a kernel
 * does for /proc: from the name up to the root. NULL: buffer is too small.
 */
const char *path_of(const struct file *file, char *buffer, size_t size);

/* Moves the position of a file to its end; returns the position. */
int64_t seek_to_end(struct file *file);

#ifdef __cplusplus
}
#endif

#endif /* PATH_H */
