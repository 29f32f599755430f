/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a probe's handler sends a call that is to be dealt with outside of it.
 * x86_64.
 */
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <asm/asm-offsets.h>
#include <asm/nospec-branch.h>
#include <asm/segment.h>
#include <asm/unwind_hints.h>

.text

/*
 * Reached instead of the probed instruction, with every register and the flags
 * as there, but for rax, which holds the struct kflat_probe. Lets
 * kflat_trampoline_run() correct rax and say where to go on; iretq goes there
 * with all registers and flags, and needs no landing pad (IBT).
 */
SYM_CODE_START(kflat_trampoline)
	ANNOTATE_NOENDBR
	UNWIND_HINT_FUNC
	/* struct pt_regs, from its end. push leaves the flags alone. */
	pushq	$__KERNEL_DS		/* ss */
	pushq	%rsp			/* sp, 8 too low */
	pushfq				/* flags */
	pushq	$__KERNEL_CS		/* cs */
	pushq	$0			/* ip: kflat_trampoline_run() sets it */
	pushq	$-1			/* orig_ax: not a system call */
	pushq	%rdi
	pushq	%rsi
	pushq	%rdx
	pushq	%rcx
	pushq	%rax
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	UNWIND_HINT_REGS
	addq	$8, 19*8(%rsp)
	cld
	movq	%rsp, %rdi
	call	kflat_trampoline_run
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rax
	popq	%rcx
	popq	%rdx
	popq	%rsi
	popq	%rdi
	addq	$8, %rsp		/* orig_ax */
	iretq
SYM_CODE_END(kflat_trampoline)

/*
 * Reached instead of a function's first instruction: back to its caller. A
 * handler can't do that itself: under ftrace its change of sp is ignored.
 */
SYM_CODE_START(kflat_trampoline_return)
	ANNOTATE_NOENDBR
	UNWIND_HINT_FUNC
	RET
SYM_CODE_END(kflat_trampoline_return)

/*
 * unsigned long kflat_trampoline_call(const void *argument, unsigned long function)
 *
 * Calls a function that may have lost its landing pad: with IBT (5.18) the
 * kernel seals functions whose address is never taken. A return needs none.
 */
SYM_FUNC_START(kflat_trampoline_call)
	pushq	%rsi
	UNWIND_HINT_FUNC
	RET
SYM_FUNC_END(kflat_trampoline_call)
