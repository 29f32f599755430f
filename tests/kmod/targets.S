/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions that note every register at their entry, and callers that put a
 * pattern into every register and note what came back. x86_64.
 */
#include <linux/linkage.h>
#include <asm/asm.h>
#include <asm/nospec-branch.h>
#include "registers.h"

	.macro note_all into:req
	movq	%rax, \into+8*REG_RAX(%rip)
	movq	%rbx, \into+8*REG_RBX(%rip)
	movq	%rcx, \into+8*REG_RCX(%rip)
	movq	%rdx, \into+8*REG_RDX(%rip)
	movq	%rsi, \into+8*REG_RSI(%rip)
	movq	%rdi, \into+8*REG_RDI(%rip)
	movq	%rbp, \into+8*REG_RBP(%rip)
	movq	%rsp, \into+8*REG_RSP(%rip)
	movq	%r8, \into+8*REG_R8(%rip)
	movq	%r9, \into+8*REG_R9(%rip)
	movq	%r10, \into+8*REG_R10(%rip)
	movq	%r11, \into+8*REG_R11(%rip)
	movq	%r12, \into+8*REG_R12(%rip)
	movq	%r13, \into+8*REG_R13(%rip)
	movq	%r14, \into+8*REG_R14(%rip)
	movq	%r15, \into+8*REG_R15(%rip)
	pushfq
	popq	\into+8*REG_FLAGS(%rip)
	.endm

	.macro pattern register:req number:req
	movabsq	$(REGISTER_PATTERN + \number), %\register
	.endm

.text

	.macro caller_of target:req
SYM_FUNC_START(\target\()_call)
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, kflat_test_before+8*REG_RSP(%rip)
	/* All arithmetic flags; IF stays. */
	pushfq
	andq	$FLAG_IF, (%rsp)
	orq	$FLAGS_PATTERN, (%rsp)
	pattern	rax REG_RAX
	pattern	rbx REG_RBX
	pattern	rcx REG_RCX
	pattern	rdx REG_RDX
	pattern	rsi REG_RSI
	pattern	rdi REG_RDI
	pattern	rbp REG_RBP
	pattern	r8 REG_R8
	pattern	r9 REG_R9
	pattern	r10 REG_R10
	pattern	r11 REG_R11
	pattern	r12 REG_R12
	pattern	r13 REG_R13
	pattern	r14 REG_R14
	pattern	r15 REG_R15
	popfq
	call	\target
	note_all kflat_test_after
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	RET
SYM_FUNC_END(\target\()_call)
	.endm

	.macro body
	note_all kflat_test_entry
	movabsq	$RESULT_PATTERN, %rax
	RET
	.endm

/* No call of ftrace at its start: kprobes put an int3 there. */
SYM_FUNC_START(kflat_test_by_int3)
	body
SYM_FUNC_END(kflat_test_by_int3)

/* As the compiler begins a function: kprobes use ftrace. */
SYM_FUNC_START(kflat_test_by_ftrace)
	call	__fentry__
	body
SYM_FUNC_END(kflat_test_by_ftrace)

	caller_of kflat_test_by_int3
	caller_of kflat_test_by_ftrace

/* bool kflat_test_is_seven(u64 value): between the two instructions flags are alive. */
SYM_FUNC_START(kflat_test_is_seven)
	xorl	%eax, %eax
	cmpq	$7, %rdi
SYM_INNER_LABEL(kflat_test_is_seven_point, SYM_L_LOCAL)
	sete	%al
	RET
SYM_FUNC_END(kflat_test_is_seven)

	.section .rodata
	.balign	8
SYM_DATA(kflat_test_is_seven_offset, .quad kflat_test_is_seven_point - kflat_test_is_seven)
