// SPDX-License-Identifier: GPL-2.0-only
/* Are all registers and flags at a function's entry and return what they were? */
#include <linux/kernel.h>
#include <linux/string.h>

#include "kflat_test.h"
#include "registers.h"

u64 kflat_test_before[REGISTERS], kflat_test_entry[REGISTERS], kflat_test_after[REGISTERS];

void kflat_test_by_int3_call(void);
void kflat_test_by_ftrace_call(void);
bool kflat_test_is_seven(u64 value);
extern const u64 kflat_test_is_seven_offset;

static const char *const names[REGISTERS] = {
	"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8",
	"r9", "r10", "r11", "r12", "r13", "r14", "r15", "flags",
};

static bool callee_saved(int reg)
{
	return reg == REG_RBX || reg == REG_RBP || reg >= REG_R12;
}

static int differs(struct seq_file *out, const char *when, int reg, u64 is, u64 should)
{
	if (is == should)
		return 0;
	seq_printf(out, "%s %s is %#llx, not %#llx\n", names[reg], when, is, should);
	return 1;
}

static u64 arithmetic(u64 flags)
{
	return flags & FLAGS_PATTERN;
}

static void forget(void)
{
	memset(kflat_test_entry, 0, sizeof(kflat_test_entry));
	memset(kflat_test_after, 0, sizeof(kflat_test_after));
}

static int compare(struct seq_file *out)
{
	bool executed = kflat_test_entry[REG_RSP];
	int reg, wrong = 0;

	seq_printf(out, "executed %d returned %#llx\n", executed, kflat_test_after[REG_RAX]);
	for (reg = 0; reg < REGISTERS && executed; reg++) {
		u64 should = REGISTER_PATTERN + reg;
		u64 is = kflat_test_entry[reg];

		if (reg == REG_RSP) {
			should = kflat_test_before[REG_RSP] - sizeof(u64);
		} else if (reg == REG_FLAGS) {
			should = FLAGS_PATTERN;
			is = arithmetic(is);
		}
		wrong += differs(out, "at entry", reg, is, should);
	}
	for (reg = 0; reg < REG_FLAGS; reg++)
		if (callee_saved(reg))
			wrong += differs(out, "after return", reg, kflat_test_after[reg],
					 REGISTER_PATTERN + reg);
	wrong += differs(out, "after return", REG_RSP, kflat_test_after[REG_RSP],
			 kflat_test_before[REG_RSP]);
	wrong += differs(out, "after return", REG_RAX, kflat_test_after[REG_RAX],
			 executed ? RESULT_PATTERN : 0);
	/* The target's body leaves the flags alone. */
	if (executed)
		wrong += differs(out, "after return", REG_FLAGS,
				 arithmetic(kflat_test_after[REG_FLAGS]), FLAGS_PATTERN);
	return wrong;
}

int kflat_test_registers_int3(struct seq_file *out)
{
	forget();
	kflat_test_by_int3_call();
	return compare(out);
}

int kflat_test_registers_ftrace(struct seq_file *out)
{
	forget();
	kflat_test_by_ftrace_call();
	return compare(out);
}

int kflat_test_flags_at_offset(struct seq_file *out)
{
	bool six = kflat_test_is_seven(6), seven = kflat_test_is_seven(7);

	seq_printf(out, "6 is seven %d, 7 is seven %d\n", six, seven);
	return six || !seven;
}

/* Where kflat_test_is_seven+OFFSET is to be probed. */
void kflat_test_registers_facts(struct seq_file *out)
{
	seq_printf(out, "is_seven_offset %llu\n", kflat_test_is_seven_offset);
}
