/* SPDX-License-Identifier: GPL-2.0-only */
/* What targets.S and registers.c agree on. */
#define REG_RAX 0
#define REG_RBX 1
#define REG_RCX 2
#define REG_RDX 3
#define REG_RSI 4
#define REG_RDI 5
#define REG_RBP 6
#define REG_RSP 7
#define REG_R8 8
#define REG_R9 9
#define REG_R10 10
#define REG_R11 11
#define REG_R12 12
#define REG_R13 13
#define REG_R14 14
#define REG_R15 15
#define REG_FLAGS 16
#define REGISTERS 17

/* Register n holds this plus n when the target is called. */
#define REGISTER_PATTERN 0x5a17c0de00000000
/* What the target returns. */
#define RESULT_PATTERN 0x0123456789abcdef
/* CF, PF, AF, ZF, SF, OF. */
#define FLAGS_PATTERN 0x8d5
#define FLAG_IF 0x200
