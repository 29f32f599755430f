// SPDX-License-Identifier: GPL-2.0-only
/*
 * All kernel memory that is backed by RAM, mapped page by page as it is touched.
 *
 * The mapping is VM_MIXEDMAP, not VM_PFNMAP: it keeps VM_MAYWRITE, so that a
 * later mprotect(PROT_WRITE) comes to us and gets EPERM (without the flag
 * mprotect() itself says EACCES), and a private mapping with that flag may not
 * be VM_PFNMAP. VM_IO keeps ptrace and get_user_pages() out.
 */
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/version.h>
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#include <linux/pfn_t.h>
#endif

#include "kflat_memory.h"

/* KFLAT_MMAP_KDUMP of the kernel API: the mapping's page offset in the device. */
#define KDUMP_PAGE_OFFSET 1UL

/* What is no longer backed by RAM reads as this. */
static struct page *zero_page;
/* The device file's pages, through which all mappings of it are found. */
static struct address_space *device;
static DEFINE_MUTEX(device_lock);

int kflat_shim_kdump_init(void)
{
	zero_page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	return zero_page ? 0 : -ENOMEM;
}

/* Nothing is mapped any more; the device file is still there. */
void kflat_shim_kdump_exit(void)
{
	mutex_lock(&device_lock);
	device = NULL;
	mutex_unlock(&device_lock);
	__free_page(zero_page);
}

/* Memory went offline: what is mapped is taken away, and checked again when touched. */
void kflat_kdump_invalidate(void)
{
	mutex_lock(&device_lock);
	if (device)
		unmap_mapping_range(device, KDUMP_PAGE_OFFSET << PAGE_SHIFT, 0, 1);
	mutex_unlock(&device_lock);
}

static void kdump_open(struct vm_area_struct *vma)
{
	kflat_kdump_open(vma->vm_private_data);
}

static void kdump_close(struct vm_area_struct *vma)
{
	kflat_kdump_close(vma->vm_private_data);
}

static vm_fault_t insert(struct vm_fault *vmf, unsigned long pfn)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
	/* 6.17 dropped pfn_t. */
	return vmf_insert_mixed(vmf->vma, vmf->address, pfn_to_pfn_t(pfn));
#else
	return vmf_insert_mixed(vmf->vma, vmf->address, pfn);
#endif
}

static vm_fault_t kdump_fault(struct vm_fault *vmf)
{
	unsigned long flags, pfn;
	u64 address, physical;
	bool backed;

	if (!kflat_kdump_address(vmf->vma->vm_private_data, vmf->pgoff - KDUMP_PAGE_OFFSET,
				 &address))
		return VM_FAULT_SIGBUS;
	local_irq_save(flags);
	backed = kflat_ram_page(address, &physical);
	local_irq_restore(flags);
	pfn = backed ? PHYS_PFN(physical) : page_to_pfn(zero_page);
	/* Since 6.11 the kernel's own zero page may not be mapped like that. */
	if (is_zero_pfn(pfn))
		pfn = page_to_pfn(zero_page);
	return insert(vmf, pfn);
}


static int kdump_mprotect(struct vm_area_struct *vma, unsigned long start, unsigned long end,
			  unsigned long flags)
{
	return flags & (VM_WRITE | VM_EXEC) ? -EPERM : 0;
}

static const struct vm_operations_struct kdump_operations = {
	.open = kdump_open,
	.close = kdump_close,
	.fault = kdump_fault,
	.mprotect = kdump_mprotect,
};

/*
 * Makes a mapping that is being set up one of the layout, which it takes over.
 * The caller has refused VM_WRITE and VM_EXEC.
 */
void kflat_shim_kdump_map(struct vm_area_struct *vma, void *layout)
{
	const unsigned long set = VM_MIXEDMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP |
				  VM_MAYWRITE | VM_MAYEXEC;

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	vma->vm_flags |= set;	/* 6.3 (bc292ab00f6c) made vm_flags read-only. */
#else
	vm_flags_set(vma, set);
#endif
	vma->vm_private_data = layout;
	vma->vm_ops = &kdump_operations;
	mutex_lock(&device_lock);
	device = vma->vm_file->f_mapping;
	mutex_unlock(&device_lock);
}
