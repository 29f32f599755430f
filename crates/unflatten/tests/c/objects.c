// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/*
 * Reads and changes every byte of every object of an image: objects IMAGE. To be built
 * with AddressSanitizer, which sees whether they are all there.
 */
#include <stdlib.h>

#include <unflatten.h>

#define CHECK(condition)                                                         \
	do {                                                                     \
		if (!(condition)) {                                              \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			exit(1);                                                 \
		}                                                                \
	} while (0)

/* A checksum of all objects; each byte gets change on top. */
static unsigned long all_objects(CUnflatten image, unsigned char change)
{
	unsigned long sum = 0;

	for (size_t index = 0; index < unflatten_object_count(image); index++) {
		struct unflatten_object object;

		CHECK(unflatten_get_object(image, index, &object, sizeof(object)) == UNFLATTEN_OK);
		for (size_t at = 0; at < object.size; at++) {
			unsigned char *byte = (unsigned char *)object.pointer + at;

			sum = sum * 31 + *byte;
			*byte += change;
		}
	}
	return sum;
}

/* Each object is found by its pointer and by its address. */
static void found(CUnflatten image)
{
	for (size_t index = 0; index < unflatten_object_count(image); index++) {
		struct unflatten_object object, around;
		uint64_t address;

		CHECK(unflatten_get_object(image, index, &object, sizeof(object)) == UNFLATTEN_OK);
		if (!object.size)
			continue;
		CHECK(unflatten_object_at(image, object.pointer, &around, sizeof(around)) ==
		      UNFLATTEN_OK);
		CHECK(around.size <= object.size && around.address <= object.address);
		CHECK(unflatten_original_address(image, object.pointer, &address) == UNFLATTEN_OK);
		CHECK(address == object.address);
		CHECK(unflatten_pointer_at(image, address) == object.pointer);
	}
}

int main(int argc, char **argv)
{
	UnflattenStatus (*const loads[])(CUnflatten, FILE *, get_function_address_t) = {
		unflatten_load,
		unflatten_load_continuous,
	};
	FILE *file = argc > 1 ? fopen(argv[1], "rb") : NULL;

	CHECK(file);
	for (int way = 0; way < 2; way++) {
		CUnflatten image = unflatten_init(1);
		unsigned long before;

		CHECK(loads[way](image, file, NULL) == UNFLATTEN_OK);
		CHECK(unflatten_object_count(image) > 0);
		found(image);
		before = all_objects(image, 0);
		for (int round = 0; round < 3; round++) {
			CHECK(all_objects(image, 0) == before);
			/* Some are parts of others, and change more than once. */
			all_objects(image, 1);
			CHECK(all_objects(image, 0) != before);
			CHECK(unflatten_reset(image) == UNFLATTEN_OK);
		}
		CHECK(all_objects(image, 0) == before);
		unflatten_deinit(image);
	}
	fclose(file);
	return 0;
}
