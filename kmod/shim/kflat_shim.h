/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The seam between the C and the Rust of the module: one thin C function for
 * each thing that only the kernel's headers offer (kflat_shim_*), and the Rust
 * functions that C calls (kflat_*). Rust side: src/ffi.rs. Memory and probes
 * have headers of their own.
 */
#ifndef KFLAT_SHIM_H
#define KFLAT_SHIM_H

#include <linux/types.h>

struct file;
struct vm_area_struct;
struct pid;
struct poll_table_struct;

/* module.c. Rust: the module is loaded or removed. */
int kflat_module_init(u64 log_size);
void kflat_module_exit(void);

/* device.c */
int kflat_shim_device_create(void);
void kflat_shim_device_remove(void);
/* Rust: a session begins (NULL and *error, or what the others get) and ends. */
void *kflat_device_open(int *error);
void kflat_device_release(void *session);
long kflat_device_ioctl(void *session, u32 command, u64 argument);
int kflat_device_mmap(void *session, struct vm_area_struct *vma, u64 page, u64 size, bool written);
long kflat_device_read(void *session, u64 user, u64 size, u64 *position);
/* Which of KFLAT_POLL_* hold. */
#define KFLAT_POLL_READABLE 1
#define KFLAT_POLL_ERROR 2
u32 kflat_device_poll(void *session, struct file *file, struct poll_table_struct *table);
int kflat_shim_device_detach(struct vm_area_struct *vma);

/* kernel.c: memory, locks, processor, user space, time, log. */
void *kflat_shim_alloc(u64 size);
void kflat_shim_free(void *memory);
enum kflat_mutex_class {
	KFLAT_MUTEX_SESSION,
	KFLAT_MUTEX_SLOT,
	KFLAT_MUTEX_REGISTRY,
	KFLAT_MUTEX_CLAIMS,
	KFLAT_MUTEX_CLASSES,
};
void *kflat_shim_mutex_new(u32 class);
void kflat_shim_mutex_free(void *mutex);
void kflat_shim_mutex_lock(void *mutex);
void kflat_shim_mutex_unlock(void *mutex);
bool kflat_shim_has_crc32(void);
u64 kflat_shim_irq_save(void);
void kflat_shim_irq_restore(u64 flags);
u64 kflat_shim_user_read(void *into, u64 user, u64 size);
u64 kflat_shim_user_write(u64 user, const void *from, u64 size);
u64 kflat_shim_now_ns(void);
void kflat_shim_stamp(u64 *boot_ns, u64 *wall_ns);
u32 kflat_shim_cpu(void);
void kflat_shim_log(u32 level, const char *text, u64 size);
void __noreturn kflat_shim_panic(void);

/* deferral.c: from any context to one that may sleep, and waiting for it. */
int kflat_shim_deferral_init(void);
void kflat_shim_deferral_exit(void);
struct kflat_deferral;
struct kflat_deferral *kflat_shim_deferral_new(void *context);
void kflat_shim_deferral_free(struct kflat_deferral *deferral);
void kflat_shim_deferral_queue(struct kflat_deferral *deferral);
/* Rust: in a worker. */
void kflat_deferral_run(void *context);
struct kflat_waiters;
struct kflat_waiters *kflat_shim_waiters_new(void);
void kflat_shim_waiters_free(struct kflat_waiters *waiters);
void kflat_shim_waiters_wake(struct kflat_waiters *waiters);
void kflat_shim_waiters_poll(struct kflat_waiters *waiters, struct file *file,
			     struct poll_table_struct *table);

/* area.c */
void *kflat_shim_area_alloc(u64 size, bool zeroed);
void kflat_shim_area_free(void *memory);
int kflat_shim_area_map(struct vm_area_struct *vma, void *area);
/* Rust: the last mapping of the area went away. */
void kflat_area_release(void *area);
/* Rust: the memory of page number page of the area; NULL: past its end. */
void *kflat_area_page(void *area, u64 page);

/* task.c */
struct pid *kflat_shim_pid_find(s32 number, struct pid **process);
void kflat_shim_pid_put(struct pid *pid);
bool kflat_shim_pid_is_current(const struct pid *pid);
u64 kflat_shim_current(void);
void kflat_shim_current_ids(u32 *process, u32 *thread, char comm[16]);
int kflat_shim_locked_down(void);

#endif
