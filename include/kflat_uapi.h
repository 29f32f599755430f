/* SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only */
/* Generated from crates/abi by `cargo xtask header`. Do not edit. */
#ifndef KFLAT_UAPI_H
#define KFLAT_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>
#include <stddef.h>
#include <sys/types.h>

#define KFLAT_DEVICE_PATH "/sys/kernel/debug/kflat"

/* Page offsets for mmap. */
#define KFLAT_MMAP_FLATTEN 0
#define KFLAT_MMAP_KDUMP 1

/* Argument of `KFLAT_PROC_ENABLE`: arms the recipe `target_name`. */
struct kflat_ioctl_enable {
	/* Only this process or thread, as the caller sees it; 0 or less: any. */
	pid_t pid;
	/* The recipe, by the function it waits for; NUL-terminated. */
	char target_name[128];
	/* Also write the debug log. */
	int debug_flag;
	/* Capture while all other CPUs are halted. */
	int use_stop_machine;
	/* Do not execute the function; its caller gets 0. */
	int skip_function_body;
	/* Capture at once, within the ioctl, without a probe. */
	int run_recipe_now;
};

/* Argument of `KFLAT_PROC_DISABLE`: how the capture ended. */
struct kflat_ioctl_disable {
	/* 1 if the probe fired. */
	int invoked;
	/* Bytes of the image in the area, what follows `image_size` included; 0: none. */
	size_t size;
	/* 0, or a positive errno; with a size: the image is partial. */
	int error;
};

/* Argument of `KFLAT_TESTS`: runs one of the module's unit tests. */
struct kflat_ioctl_tests {
	/* Also write the debug log. */
	int debug_flag;
	/* Capture while all other CPUs are halted. */
	int use_stop_machine;
	/* Capture, but leave the area untouched. */
	int skip_memcpy;
	/* The test; NUL-terminated. */
	char test_name[128];
};

/* Argument of `KFLAT_MEMORY_MAP`: where the layout goes. */
struct kflat_ioctl_mem_map {
	/* Receives `u32 count`, then packed `count` x `{u64 start, u64 end}`. */
	void *buffer;
	/* Its size in bytes. */
	size_t size;
};

#define KFLAT_PROC_ENABLE _IOW('k', 2, struct kflat_ioctl_enable)
#define KFLAT_PROC_DISABLE _IOR('k', 3, struct kflat_ioctl_disable)
#define KFLAT_TESTS _IOW('k', 4, struct kflat_ioctl_tests)
#define KFLAT_MEMORY_MAP _IOR('k', 5, struct kflat_ioctl_mem_map)
#define KFLAT_GET_LOADED_RECIPES _IOR('k', 6, char[4096])

/*
 * Argument of `KFLAT_RECIPE_LOAD`: verifies a recipe program and keeps it.
 *
 * Errors: `EINVAL` the program was rejected (see `rejection`), `EEXIST` a
 * recipe of that name is loaded, `EFBIG` a size over its limit, `ENOSPC`
 * too many recipes, `ENOMEM`, `EFAULT`.
 */
struct kflat_recipe_load {
	/* Bytes of this struct. */
	__u32 size;
	/* Zero. */
	__u32 flags;
	/* Address of the program. */
	__u64 program;
	/* Its bytes, at most 4 MiB. */
	__u64 program_size;
	/* Address of what user space wants kept with it (types, source text). */
	__u64 attachment;
	/* Its bytes, at most 16 MiB; may be 0. */
	__u64 attachment_size;
	/* Out: why the verifier rejected the program; 0: it did not. */
	__u32 rejection;
	/* Out: the byte of the program that the rejection is about. */
	__u32 rejected_at;
	/* Zero. */
	__u64 reserved[2];
};

/*
 * Argument of `KFLAT_RECIPE_UNLOAD`: forgets a recipe.
 *
 * Errors: `ENOENT` no such recipe, `EBUSY` it is enabled.
 */
struct kflat_recipe_unload {
	/* Bytes of this struct. */
	__u32 size;
	/* Zero. */
	__u32 flags;
	/* The recipe; NUL-terminated. */
	char name[128];
	/* Zero. */
	__u64 reserved[2];
};

/*
 * Argument of `KFLAT_RECIPE_LIST` and `KFLAT_TEST_LIST`: all names, each
 * ended by a NUL, in order.
 *
 * Errors: `ENOSPC` the buffer is too small (`needed` says how much),
 * `EFAULT`.
 */
struct kflat_name_list {
	/* Bytes of this struct. */
	__u32 size;
	/* Zero. */
	__u32 flags;
	/* Address of the buffer. */
	__u64 buffer;
	/* Its bytes. */
	__u64 buffer_size;
	/* Out: the bytes that all names take. */
	__u64 needed;
	/* Out: how many names there are. */
	__u64 count;
	/* Zero. */
	__u64 reserved;
};

/*
 * Argument of `KFLAT_RECIPE_DESCRIBE`: gives back what was loaded.
 *
 * Errors: `ENOENT` no such recipe, `ENOSPC` a buffer is too small (both
 * sizes are filled in), `EFAULT`.
 */
struct kflat_recipe_describe {
	/* Bytes of this struct. */
	__u32 size;
	/* Zero. */
	__u32 flags;
	/* The recipe; NUL-terminated. */
	char name[128];
	/* Address of the buffer for the program. */
	__u64 program;
	/* In: its bytes. Out: the program's bytes. */
	__u64 program_size;
	/* Address of the buffer for the attachment. */
	__u64 attachment;
	/* In: its bytes. Out: the attachment's bytes. */
	__u64 attachment_size;
	/* Zero. */
	__u64 reserved[2];
};

/*
 * Argument of `KFLAT_CAPTURE_STATUS`: how this session's capture stands.
 *
 * It stays readable after `KFLAT_PROC_DISABLE`, until the next enable.
 */
struct kflat_capture_status {
	/* Bytes of this struct. */
	__u32 size;
	/* Zero. */
	__u32 flags;
	/* Out: one of `KFLAT_STATE_*`. */
	__u32 state;
	/* Out: 0, or how the capture ended, as a positive errno. */
	__u32 error;
	/* Out: what stopped or thinned the capture, one of `KFLAT_REASON_*`; 0: nothing. */
	__u32 reason;
	/* Out: how many things were not captured (records in the diagnostics, dropped ones included). */
	__u32 diagnostics;
	/* Out: bytes of the image, as in the header's `image_size`. */
	__u64 image_size;
	/* Out: bytes in the area, the extension included. */
	__u64 total_size;
	/* Out: bytes the area would have needed, as far as is known. */
	__u64 needed_size;
	/* Out: objects captured. */
	__u64 objects;
	/* Out: fragments in the image. */
	__u64 fragments;
	/* Out: nanoseconds from the hit to the end of the copying. */
	__u64 capture_ns;
	/* Out: nanoseconds of sorting and writing the image. */
	__u64 write_ns;
	/* Out: nanoseconds for which the other CPUs were halted. */
	__u64 pause_ns;
	/* Out: how often the probe was hit by a process that it was not for, or too late. */
	__u64 missed;
	/* Out: which recipe was hit: 0 that of `KFLAT_PROC_ENABLE`, then those of `KFLAT_ENABLE_ALSO` in their order. */
	__u32 recipe;
	/* Out: of `unfit`, how often the condition could not be computed; no more than 2^32 - 1. */
	__u32 uncomputed;
	/* Out: calls by the process that were looked at and did not fit their recipe's condition. */
	__u64 unfit;
	/* Out: calls that fitted, but came before the one that the recipe asks for by number. */
	__u64 early;
};

/*
 * Argument of `KFLAT_ENABLE_ALSO`: arms one more recipe beside the enabled
 * one, for the same process and with the same options. The first of them to
 * be hit captures, then all are disarmed.
 *
 * Errors: `EINVAL` nothing is enabled, it was run at once, or the recipe waits
 * where the options are impossible, `ENOENT` no such recipe, `EBUSY` one of
 * them was hit already, `EFAULT` it can't be probed, `ENOSPC` more than 16,
 * `ENOMEM`.
 */
struct kflat_enable_also {
	/* Bytes of this struct. */
	__u32 size;
	/* Zero. */
	__u32 flags;
	/* The recipe; NUL-terminated. */
	char name[128];
	/* Zero. */
	__u64 reserved[2];
};

/* Argument of `KFLAT_VERSION`: what the loaded module speaks. */
struct kflat_version {
	/* Bytes of this struct. */
	__u32 size;
	/* Zero. */
	__u32 flags;
	/* Out: version of the program encoding. */
	__u32 program_version;
	/* Out: version of the image format. */
	__u32 image_version;
	/* Out: version of the extension behind the image. */
	__u32 extension_version;
	/* Out: levels of the kernel's page tables. */
	__u32 page_table_levels;
	/* Zero. */
	__u64 reserved[3];
};

#define KFLAT_RECIPE_LOAD _IOWR('k', 32, struct kflat_recipe_load)
#define KFLAT_RECIPE_UNLOAD _IOW('k', 33, struct kflat_recipe_unload)
#define KFLAT_RECIPE_LIST _IOWR('k', 34, struct kflat_name_list)
#define KFLAT_RECIPE_DESCRIBE _IOWR('k', 35, struct kflat_recipe_describe)
#define KFLAT_CAPTURE_STATUS _IOWR('k', 36, struct kflat_capture_status)
#define KFLAT_TEST_LIST _IOWR('k', 37, struct kflat_name_list)
#define KFLAT_VERSION _IOWR('k', 38, struct kflat_version)
#define KFLAT_ENABLE_ALSO _IOW('k', 39, struct kflat_enable_also)

#define KFLAT_STATE_IDLE 0
#define KFLAT_STATE_ARMED 1
#define KFLAT_STATE_CAPTURING 2
#define KFLAT_STATE_READY 3
#define KFLAT_STATE_FAILED 4
#define KFLAT_REASON_UNREADABLE 1
#define KFLAT_REASON_LIMIT_BYTES 2
#define KFLAT_REASON_LIMIT_OBJECTS 3
#define KFLAT_REASON_LIMIT_DEPTH 4
#define KFLAT_REASON_LIMIT_ELEMENTS 5
#define KFLAT_REASON_LIMIT_TIME 6
#define KFLAT_REASON_STRING_CUT 7
#define KFLAT_REASON_NO_MEMORY 8
#define KFLAT_REASON_AREA_TOO_SMALL 9
#define KFLAT_REASON_NO_SYMBOL 10
#define KFLAT_REASON_NO_GLOBAL 11
#define KFLAT_REASON_LIST_DAMAGED 12
#define KFLAT_REASON_ATOMIC_CONTEXT 13
#define KFLAT_REASON_OVERFLOW 14
#define KFLAT_REASON_DIAGNOSTICS_DROPPED 15
#define KFLAT_REASON_UNALIGNED 16
#define KFLAT_REASON_EXPRESSION 17
#define KFLAT_REASON_USER_ABSENT 18
#define KFLAT_REASON_NO_OBJECT 19

#endif /* KFLAT_UAPI_H */
