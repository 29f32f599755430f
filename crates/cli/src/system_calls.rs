//! What system calls take, as the running kernel declares it for tracing.

use std::fs;

use kflat_recipe::CallArgument;

/// Where tracefs is mounted.
const TRACEFS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// The arguments of a system call; none if the kernel does not tell.
pub(crate) fn arguments(name: &str) -> Vec<CallArgument> {
    let format = TRACEFS.iter().find_map(|tracefs| {
        let path = format!("{tracefs}/events/syscalls/sys_enter_{name}/format");
        fs::read_to_string(path).ok()
    });
    format.map_or_else(Vec::new, |format| parse(&format))
}

/// Fields behind the number of the call are its arguments:
/// `field:const char * filename; offset:16; size:8; signed:0;`
fn parse(format: &str) -> Vec<CallArgument> {
    let fields = format.lines().filter_map(|line| {
        let field = line.trim_start().strip_prefix("field:")?;
        let (declaration, _) = field.split_once(';')?;
        let (of, name) = declaration.rsplit_once(' ')?;
        Some(CallArgument {
            of: of.trim().to_owned(),
            name: name.to_owned(),
        })
    });
    fields
        .skip_while(|field| field.name != "__syscall_nr")
        .skip(1)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn arguments_come_after_the_number() {
        let format = "name: sys_enter_execve\nformat:\n\tfield:int common_pid;\toffset:4;\n\n\
            \tfield:int __syscall_nr;\toffset:8;\tsize:4;\tsigned:1;\n\
            \tfield:const char * filename;\toffset:16;\tsize:8;\tsigned:0;\n\
            \tfield:const char *const * argv;\toffset:24;\tsize:8;\tsigned:0;\n\n\
            print fmt: \"filename: 0x%08lx\"\n";
        let found = parse(format);
        let found: Vec<(&str, &str)> = (found.iter())
            .map(|argument| (argument.of.as_str(), argument.name.as_str()))
            .collect();
        let expected = [
            ("const char *", "filename"),
            ("const char *const *", "argv"),
        ];
        assert_eq!(found, expected);
    }
}
