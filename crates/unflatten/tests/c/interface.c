// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/* The interface as programs in C use it: interface IMAGE, the one of examples/harness. */
#include <stdlib.h>
#include <string.h>

#include <unflatten.h>

#define CHECK(condition)                                                         \
	do {                                                                     \
		if (!(condition)) {                                              \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			exit(1);                                                 \
		}                                                                \
	} while (0)

static int asked;

static uintptr_t resolve(const char *symbol)
{
	asked++;
	return strcmp(symbol, "shmem_file_llseek") ? 0 : 0x1234;
}

static void *pointer_at(const void *object, size_t offset)
{
	void *pointer;

	memcpy(&pointer, (const char *)object + offset, sizeof(pointer));
	return pointer;
}

static void an_image(CUnflatten image, FILE *file, int continuous)
{
	struct unflatten_object object;
	uint64_t address;
	size_t size;
	char *root, *operations;

	asked = 0;
	CHECK((continuous ? unflatten_load_continuous(image, file, resolve)
			  : unflatten_load(image, file, resolve)) == UNFLATTEN_OK);
	CHECK(asked == 10);
	root = unflatten_root_pointer_named(image, "file", &size);
	CHECK(root && size == 184);
	CHECK(unflatten_root_pointer_next(image) == root);
	CHECK(!unflatten_root_pointer_next(image));
	CHECK(unflatten_last_status(image) == UNFLATTEN_NO_NEXT_ROOT_POINTER);
	CHECK(unflatten_root_pointer_seq(image, 0) == root);
	CHECK(unflatten_root_count(image) == 1);
	CHECK(!strcmp(unflatten_root_name(image, 0), "file"));

	operations = pointer_at(root, 16);
	CHECK((uintptr_t)pointer_at(operations, 16) == 0x1234);
	CHECK((uintptr_t)pointer_at(operations, 40) == UNFLATTEN_POISON);

	CHECK(unflatten_header_fragment_count(unflatten_get_image_header(image)) == 7);
	CHECK(unflatten_header_memory_size(unflatten_get_image_header(image)) == 1712);

	CHECK(unflatten_object_count(image) == 9);
	CHECK(unflatten_get_object(image, 0, &object, sizeof(object)) == UNFLATTEN_OK);
	CHECK(object.pointer == root && object.size == 184 && object.count == 1);
	CHECK(!strcmp(object.type_name, "struct file"));
	CHECK(unflatten_object_at(image, operations + 100, &object, sizeof(object)) ==
	      UNFLATTEN_OK);
	CHECK(!strcmp(object.type_name, "struct file_operations"));
	CHECK(unflatten_original_address(image, root + 8, &address) == UNFLATTEN_OK);
	CHECK(unflatten_pointer_at(image, address - 8) == root);

	memset(root, 0xff, 8);
	CHECK(unflatten_reset(image) == UNFLATTEN_OK);
	CHECK(root[0] != -1 || root[1] != -1);

	CHECK(unflatten_replace_variable(image, operations, root, 264) == 1);
	CHECK(pointer_at(root, 16) == root);
	CHECK(unflatten_replace_variable(image, NULL, root, 8) < 0);
	if (!continuous) {
		unflatten_mark_freed(image, operations);
		free(operations);
	}
}

int main(int argc, char **argv)
{
	CUnflatten image = unflatten_init(0);
	FILE *file = argc > 1 ? fopen(argv[1], "rb") : NULL;

	CHECK(file && image);
	an_image(image, file, 1);
	an_image(image, file, 0);
	printf("before\n");
	CHECK(unflatten_imginfo(image, file) == UNFLATTEN_OK);
	printf("after\n");
	fclose(file);
	unflatten_unload(image);
	CHECK(!unflatten_root_pointer_next(image));
	CHECK(unflatten_load(image, NULL, NULL) == UNFLATTEN_INVALID_ARGUMENT);
	CHECK(*unflatten_last_error(image));
	unflatten_deinit(image);
	CHECK(unflatten_load(image, NULL, NULL) == UNFLATTEN_INVALID_ARGUMENT);
	unflatten_deinit(image);
	CHECK(!strcmp(unflatten_explain_status(UNFLATTEN_OK), "no error"));
	return 0;
}
