//! What the test module (`tests/kmod`) says, and makes the kernel do.

use std::fs;

use anyhow::{Context, Result, ensure};

const FOLDER: &str = "/sys/kernel/debug/kflat_test";

/// A number that the module tells of itself.
pub(crate) fn fact(name: &str) -> Result<u64> {
    let facts = fs::read_to_string(format!("{FOLDER}/facts"))?;
    let value = facts
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
        .with_context(|| format!("the test module tells no {name}"))?;
    let number = match value.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => value.parse(),
    };
    number.with_context(|| format!("{name} is {value}"))
}

/// Calls the target in a context; what the caller saw of it.
pub(crate) fn call(case: &str) -> Result<String> {
    fs::write(format!("{FOLDER}/call"), case).with_context(|| format!("no case {case}"))?;
    let result = fs::read_to_string(format!("{FOLDER}/result"))?;
    ensure!(result.trim_end().ends_with("ok"), "{case}: {result}");
    Ok(result)
}

/// The target's body was executed and gave its caller the right result.
pub(crate) fn call_runs(case: &str) -> Result<()> {
    let result = call(case)?;
    ensure!(result.starts_with("executed 1 "), "{case}: {result}");
    Ok(())
}

/// The target's body was not executed, and its caller got 0.
pub(crate) fn call_is_skipped(case: &str) -> Result<()> {
    let result = call(case)?;
    ensure!(
        result.starts_with("executed 0 returned 0"),
        "{case}: {result}"
    );
    Ok(())
}

/// Address of a symbol of the kernel or a module.
pub(crate) fn symbol(name: &str) -> Result<u64> {
    let symbols = fs::read_to_string("/proc/kallsyms")?;
    let line = symbols
        .lines()
        .find(|line| line.split_whitespace().nth(2) == Some(name))
        .with_context(|| format!("the kernel has no {name}"))?;
    let address = line.split_whitespace().next().unwrap_or_default();
    Ok(u64::from_str_radix(address, 16)?)
}

/// Where kprobes are registered now, one a line.
pub(crate) fn kprobes() -> Result<String> {
    Ok(fs::read_to_string("/sys/kernel/debug/kprobes/list")?)
}
