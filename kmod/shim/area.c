// SPDX-License-Identifier: GPL-2.0-only
/* The memory that a client maps and an image is written to. */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/swap.h>
#include <linux/version.h>
#include <linux/vmalloc.h>

#include "kflat_shim.h"

/* Of the memory that the system can spare, what an area may take: 3/4. */
static bool affordable(u64 size)
{
	u64 pages = size >> PAGE_SHIFT, spare = si_mem_available();

	return (s64)spare > 0 && pages <= spare - spare / 4;
}

/*
 * Whole pages; counts as the caller's in its memory cgroup. NULL rather than have
 * a process killed for it.
 */
void *kflat_shim_area_alloc(u64 size, bool zeroed)
{
	gfp_t flags = GFP_KERNEL_ACCOUNT | __GFP_NORETRY | __GFP_NOWARN;

	if (!size || offset_in_page(size) || !affordable(size))
		return NULL;
	return __vmalloc(size, zeroed ? flags | __GFP_ZERO : flags);
}

void kflat_shim_area_free(void *memory)
{
	vfree(memory);
}

static int area_release(struct inode *inode, struct file *file)
{
	kflat_area_release(file->private_data);
	return 0;
}

/*
 * A mapping of an area keeps a file of this kind, not the session's: closing
 * the session's file ends the session at once, and the area stays while it is
 * mapped. Parts of a split mapping and copies in child processes share it.
 */
static const struct file_operations area_file = {
	.owner = THIS_MODULE,
	.release = area_release,
};

static vm_fault_t area_fault(struct vm_fault *vmf)
{
	void *memory = kflat_area_page(vmf->vma->vm_private_data, vmf->pgoff);

	if (!memory)
		return VM_FAULT_SIGBUS;
	vmf->page = vmalloc_to_page(memory);
	get_page(vmf->page);
	return 0;
}

static int area_mprotect(struct vm_area_struct *vma, unsigned long start, unsigned long end,
			 unsigned long flags)
{
	return flags & (VM_WRITE | VM_EXEC) ? -EPERM : 0;
}

static const struct vm_operations_struct area_operations = {
	.fault = area_fault,
	.mprotect = area_mprotect,
};

/*
 * Makes a mapping that is being set up one of the area, a count of which it
 * takes over if this succeeds. The caller has refused VM_WRITE and VM_EXEC.
 *
 * Later mprotect() with these is refused by area_mprotect(), for which VM_MAY*
 * must be there: without, mprotect() itself says EACCES, where the kernel API
 * says EPERM. Nothing else makes use of them but a debugger, which gets a copy
 * of the page.
 */
int kflat_shim_area_map(struct vm_area_struct *vma, void *area)
{
	const unsigned long set = VM_DONTEXPAND | VM_DONTDUMP | VM_MAYWRITE | VM_MAYEXEC;
	struct file *file = anon_inode_getfile("[kflat-area]", &area_file, area, O_RDONLY);

	if (IS_ERR(file))
		return PTR_ERR(file);
	file->f_mapping = vma->vm_file->f_mapping;
	vma_set_file(vma, file);
	/* The mapping's now. */
	fput(file);
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	vma->vm_flags |= set;	/* 6.3 (bc292ab00f6c) made vm_flags read-only. */
#else
	vm_flags_set(vma, set);
#endif
	vma->vm_private_data = area;
	vma->vm_ops = &area_operations;
	return 0;
}
