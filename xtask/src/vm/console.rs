//! What in a kernel log means that something went wrong.

/// Texts that no healthy guest prints.
const ALARMS: &[&str] = &[
    "WARNING:",
    "BUG:",
    "kernel BUG at",
    "Oops",
    "Kernel panic",
    "general protection fault",
    "unable to handle",
    "Unable to handle",
    "double fault",
    "divide error",
    "invalid opcode",
    "stack guard page",
    "Call Trace:",
    "soft lockup",
    "hard LOCKUP",
    "blocked for more than",
    "self-detected stall",
    "detected stalls on",
    "refcount_t:",
    "UBSAN",
    "KASAN",
    "list_add corruption",
    "list_del corruption",
    "bad page state",
    "Bad page state",
    "page allocation failure",
    "Out of memory",
    "invoked oom-killer",
    "segfault at",
    "trap invalid",
    "disagrees about version of symbol",
    "Unknown symbol",
    "scheduling while atomic",
    "sleeping function called",
    "suspicious RCU usage",
    "missing MODULE_",
    "unexpected NMI",
    "nobody cared",
    "objtool",
    "unpatched return thunk",
    "Unpatched return thunk",
    "missing ENDBR",
    "spectre_v2_module_string",
    "loading module not compiled with retpoline",
];

/// What the kernel says about any module that is not its own.
const TAINT_EXPECTED: &[&str] = &[
    "loading out-of-tree module taints kernel",
    "module verification failed: signature and/or required key missing - tainting kernel",
];

/// Bits of `/proc/sys/kernel/tainted` (`Documentation/admin-guide/
/// tainted-kernels.rst`) that an unsigned module from elsewhere sets.
const TAINT_ALLOWED: u64 = (1 << 12) | (1 << 13);

/// Lines of a kernel log that should not be there.
pub(crate) fn complaints(log: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in log.lines() {
        let line = line.trim_end();
        if is_complaint(line) && !found.iter().any(|known| message(known) == message(line)) {
            found.push(line.to_owned());
        }
    }
    found
}

fn is_complaint(line: &str) -> bool {
    if TAINT_EXPECTED.iter().any(|text| line.contains(text)) {
        return false;
    }
    ALARMS.iter().any(|alarm| line.contains(alarm))
        || (line.contains("taint") && !line.contains("Not tainted"))
}

/// The line without its time.
fn message(line: &str) -> &str {
    line.strip_prefix('[')
        .and_then(|rest| rest.split_once("] "))
        .map_or(line, |(_, message)| message)
}

/// Whether the line says that the kernel is about to stop.
pub(crate) fn is_fatal(line: &str) -> bool {
    line.contains("Kernel panic")
}

/// The complaint about a taint mask, if there is one.
pub(crate) fn taint_complaint(mask: u64) -> Option<String> {
    let unexpected = mask & !TAINT_ALLOWED;
    (unexpected != 0).then(|| {
        let bits: Vec<String> = (0..64)
            .filter(|bit| unexpected >> bit & 1 == 1)
            .map(|bit| bit.to_string())
            .collect();
        format!(
            "the kernel is tainted: bit {} of /proc/sys/kernel/tainted",
            bits.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_log_passes() {
        let log = "[    0.0] Linux version 6.12.0\n\
            [    1.0] kflat: loading out-of-tree module taints kernel.\n\
            [    1.0] kflat: module verification failed: signature and/or required key missing - tainting kernel\n\
            [    2.0] kflat: ready\n";
        assert_eq!(complaints(log), Vec::<String>::new());
    }

    #[test]
    fn an_oops_a_warning_and_a_stall_are_found_once_each() {
        let log = "[    1.0] WARNING: CPU: 0 PID: 1 at kernel/x.c:1\n\
            [    2.0] WARNING: CPU: 0 PID: 1 at kernel/x.c:1\r\n\
            [    3.0] BUG: unable to handle page fault for address: 0\n\
            [    4.0] rcu: INFO: rcu_preempt self-detected stall on CPU\n\
            [    5.0] watchdog: BUG: soft lockup - CPU#0 stuck for 26s!\n";
        assert_eq!(complaints(log).len(), 4);
    }

    #[test]
    fn only_the_taints_of_a_foreign_module_are_fine() {
        assert_eq!(taint_complaint(0), None);
        assert_eq!(taint_complaint(0x3000), None);
        let complaint = taint_complaint(0x3000 | 1 << 9 | 1 << 7).unwrap();
        assert!(complaint.contains("bit 7, 9"), "{complaint}");
        assert!(!complaints("[ 1.0] x: module license 'Proprietary' taints kernel.").is_empty());
    }
}
