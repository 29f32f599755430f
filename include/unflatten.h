/* SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only */
/*
 * libunflatten: loads flattened images, so that code can use the captured
 * structures as it used them in the kernel.
 *
 *	FILE *file = fopen("open_file.img", "rb");
 *	CUnflatten image = unflatten_init(0);
 *
 *	if (unflatten_load(image, file, NULL) != UNFLATTEN_OK)
 *		errx(1, "%s", unflatten_last_error(image));
 *	struct file *f = unflatten_root_pointer_named(image, "file", NULL);
 *	...
 *	unflatten_deinit(image);
 *
 * Any function takes any handle: what is none, or was given back, gives
 * UNFLATTEN_INVALID_ARGUMENT, NULL or 0. Calls with one handle wait for each other.
 */
#ifndef UNFLATTEN_H
#define UNFLATTEN_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A handle: not an address. */
typedef void *CUnflatten;

/* A struct unflatten_image_header. */
typedef void *CUnflattenHeader;

/*
 * Finds the address of a function by its name: vfs_read, not vfs_read+0x10 [module];
 * the offset is added to the result. 0: it has none. It must return (no exception, no
 * longjmp), and must not use the handle that it is called for.
 */
typedef uintptr_t (*get_function_address_t)(const char *symbol);

/* The value of function pointers that nothing resolves; a call of it ends the process. */
#define UNFLATTEN_POISON UINT64_C(0x0badf1a70badf1a7)

typedef enum {
	UNFLATTEN_OK = 0,
	UNFLATTEN_INVALID_ROOT_POINTER,
	UNFLATTEN_INVALID_ARGUMENT,
	UNFLATTEN_INVALID_OFFSET,
	UNFLATTEN_INVALID_MAGIC,
	UNFLATTEN_INVALID_FIX_LOCATION,
	UNFLATTEN_INVALID_FIX_DESTINATION,
	UNFLATTEN_INVALID_ADDRESS_POINTEE,
	UNFLATTEN_NO_NEXT_ROOT_POINTER,
	UNFLATTEN_NOT_FOUND_NAMED_ROOT_POINTER,
	UNFLATTEN_UNINITIALIZED_FLCTRL,		/* no image is loaded */
	UNFLATTEN_INDEX_OUT_OF_RANGE,
	UNFLATTEN_FILE_LOCKED,
	UNFLATTEN_UNEXPECTED_OPEN_MODE,
	UNFLATTEN_DIFFERENT_IMAGE_SIZE,
	UNFLATTEN_MEMORY_SIZE_BIGGER_THAN_IMAGE,
	UNFLATTEN_MEMORY_FRAGMENT_DOES_NOT_FIT,
	UNFLATTEN_TRUNCATED_FILE,
	UNFLATTEN_UNSUPPORTED_MAGIC,		/* another version of the format */
	UNFLATTEN_OVERFLOW,
	UNFLATTEN_ALLOCATION_FAILED,
	UNFLATTEN_INTERVAL_EXTRACTION_FAILED,
	UNFLATTEN_ALREADY_FIXED,
	UNFLATTEN_IO,				/* the file can't be read or mapped */
	UNFLATTEN_DAMAGED,			/* symbols or extension */
	UNFLATTEN_NOT_FOUND,			/* the image does not tell */
	UNFLATTEN_INTERNAL,
	UNFLATTEN_STATUS_MAX
} UnflattenStatus;

/* What a status means. Never NULL. */
const char *unflatten_explain_status(UnflattenStatus status);

/* ---- Handles ---- */

/* A new handle. From level 1 on, what is loaded and what fails is told on stderr. */
CUnflatten unflatten_init(int level);

/* Gives it back, and its image. */
void unflatten_deinit(CUnflatten flatten);

/*
 * How the last call with this handle ended, and what was wrong: section, entry and
 * value of a bad image. The text is there until the next call; empty after UNFLATTEN_OK.
 */
UnflattenStatus unflatten_last_status(CUnflatten flatten);
const char *unflatten_last_error(CUnflatten flatten);

/* ---- Images ---- */

/*
 * Loads the image in file, in place of the one that was loaded: each fragment as an
 * allocation of its own (malloc), which ends where its last object does, so that
 * AddressSanitizer and valgrind see an access beyond. file can be closed afterwards;
 * what is in it must stay as it is until the image is unloaded, and is never modified.
 * Whatever the position of a file, it is read from its start; a pipe to its end.
 */
UnflattenStatus unflatten_load(CUnflatten flatten, FILE *file, get_function_address_t resolver);

/* In one piece: a private mapping of the file. Fast. */
UnflattenStatus unflatten_load_continuous(CUnflatten flatten, FILE *file,
					  get_function_address_t resolver);

/*
 * The same; if the image was linked (kflat image link) and its address is free, its
 * pointers are used as they are. Takes no time, and trusts the file: for your own only.
 */
UnflattenStatus unflatten_load_prelinked(CUnflatten flatten, FILE *file,
					 get_function_address_t resolver);

/* 1 if the image is used as it was linked, or else 0. */
int unflatten_is_prelinked(CUnflatten flatten);

/* Lets go of the image. A load and unflatten_deinit do so too. */
void unflatten_unload(CUnflatten flatten);

/*
 * Goes back to the state after the load; the image stays where it is. In one piece it
 * costs as much as was written, by fragments a comparison of all bytes. What was marked
 * as freed is allocated anew. After a failure the image is unloaded.
 */
UnflattenStatus unflatten_reset(CUnflatten flatten);

/* Another value for function pointers that nothing resolves, from the next load on. */
UnflattenStatus unflatten_set_poison(CUnflatten flatten, uintptr_t poison);

/*
 * Says that code frees, or has freed, the allocation that begins at pointer: it is not
 * freed again. Of no effect on an image in one piece.
 */
void unflatten_mark_freed(CUnflatten flatten, void *pointer);

/*
 * Has all pointers of the image into the size bytes at old_memory lead to the same place
 * behind new_memory. Returns how many there were, or less than 0: a negative status.
 */
ssize_t unflatten_replace_variable(CUnflatten flatten, void *old_memory, void *new_memory,
				   size_t size);

/* Prints to stdout what is in an image, loaded or not. */
UnflattenStatus unflatten_imginfo(CUnflatten flatten, FILE *file);

/* The start of an image's file. */
struct unflatten_image_header {
	uint64_t magic;
	uint32_t version;
	uint32_t reserved;
	uint64_t last_load_addr;
	uint64_t last_mem_addr;
	uint64_t image_size;
	uint64_t memory_size;
	uint64_t ptr_count;
	uint64_t fptr_count;
	uint64_t root_addr_count;
	uint64_t root_addr_extended_count;
	uint64_t root_addr_extended_size;
	uint64_t fptrmapsz;
	uint64_t mcount;
};

/* The header of the loaded image, there until it is unloaded; or NULL. */
CUnflattenHeader unflatten_get_image_header(CUnflatten flatten);

/* What it says; 0 for NULL. */
unsigned long unflatten_header_fragment_count(CUnflattenHeader header);
size_t unflatten_header_memory_size(CUnflattenHeader header);

/* ---- Roots ---- */

/*
 * A root, or NULL if there is none such, if it was NULL, or if nothing was captured
 * under it; unflatten_last_status tells the first from the others. _next gives the one
 * behind the last that _next or _seq gave, from the start after a load or reset. size
 * may be NULL.
 */
void *unflatten_root_pointer_next(CUnflatten flatten);
void *unflatten_root_pointer_seq(CUnflatten flatten, size_t index);
void *unflatten_root_pointer_named(CUnflatten flatten, const char *name, size_t *size);

/* How many roots there are. */
size_t unflatten_root_count(CUnflatten flatten);

/* The name of a root, there until the image is unloaded; NULL if it has none. */
const char *unflatten_root_name(CUnflatten flatten, size_t index);

/* ---- Objects, where the image tells of them (those that kflat made do) ---- */

struct unflatten_object {
	void *pointer;		/* where it is now */
	size_t size;		/* its bytes, all elements together */
	size_t count;		/* how many elements it has */
	const char *type_name;	/* of an element, there until the image is unloaded, or NULL */
	uint64_t address;	/* where it was in the kernel, or 0 */
};

/* How many there are. */
size_t unflatten_object_count(CUnflatten flatten);

/*
 * Object index, in the order in which they were captured; and the smallest around a
 * pointer. size is sizeof(struct unflatten_object): of later versions a program gets the
 * members that it knows.
 */
UnflattenStatus unflatten_get_object(CUnflatten flatten, size_t index,
				     struct unflatten_object *object, size_t size);
UnflattenStatus unflatten_object_at(CUnflatten flatten, const void *pointer,
				    struct unflatten_object *object, size_t size);

/* Where what is at pointer was in the kernel. */
UnflattenStatus unflatten_original_address(CUnflatten flatten, const void *pointer,
					   uint64_t *address);

/* Where what was at address in the kernel is now; NULL if it was not captured. */
void *unflatten_pointer_at(CUnflatten flatten, uint64_t address);

#ifdef __cplusplus
}
#endif

#endif /* UNFLATTEN_H */
