// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * Runs path.c on a captured file: run IMAGE [LENGTH]. With LENGTH the name says that it
 * has so many bytes, as it may while it is renamed.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unflatten.h>

#include "path.h"

/* In place of the file system's function. */
static int64_t llseek(struct file *file, int64_t offset, int whence)
{
	file->f_pos = whence == SEEK_END ? file->f_inode->i_size + offset : offset;
	return file->f_pos;
}

static uintptr_t resolve(const char *symbol)
{
	return strcmp(symbol, "shmem_file_llseek") ? 0 : (uintptr_t)llseek;
}

int main(int argc, char **argv)
{
	char buffer[4096];
	const char *path;
	CUnflatten image;
	struct file *file;
	FILE *stream;

	if (argc < 2)
		errx(2, "which image?");
	stream = fopen(argv[1], "rb");
	if (!stream)
		err(1, "%s", argv[1]);
	image = unflatten_init(0);
	if (unflatten_load(image, stream, resolve) != UNFLATTEN_OK)
		errx(1, "%s: %s", argv[1], unflatten_last_error(image));
	fclose(stream);
	file = unflatten_root_pointer_named(image, "file", NULL);
	if (!file)
		errx(1, "%s: no root named file", argv[1]);

	if (argc > 2)
		file->f_path.dentry->d_name.len = (uint32_t)strtoul(argv[2], NULL, 0);
	path = path_of(file, buffer, sizeof(buffer));
	printf("%s\n", path ? path : "too long");
	printf("%lld bytes\n", (long long)seek_to_end(file));
	unflatten_deinit(image);
	return 0;
}
