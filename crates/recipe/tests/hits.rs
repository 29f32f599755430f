//! Which call a recipe captures: what `when` and `nth` become.

use std::collections::HashMap;

use kflat_abi::program::Program;
use kflat_btf::{Assembler, Btf, TypeId};
use kflat_engine::{Inputs, Memory, Unreadable, fits, put_bytes, verify};
use kflat_recipe::{Compiled, compile, compile_all, explain, fmt, generate};

/// `long open_file(struct file *file, int fd, const char *mode)`
fn types() -> Btf {
    let mut a = Assembler::default();
    let int = a.int("int", 4, true);
    let char_ = a.int("char", 1, true);
    let long = a.int("long int", 8, true);
    let text = a.pointer(char_);
    let comm = a.array(char_, 16);
    let task = a.structure("task_struct", 32, &[("pid", int, 0), ("comm", comm, 8)]);
    let owner = a.pointer(task);
    let file = a.structure(
        "file",
        40,
        &[
            ("flags", int, 0),
            ("name", text, 8),
            ("owner", owner, 16),
            ("label", comm, 24),
        ],
    );
    let file = a.pointer(file);
    a.function(
        "open_file",
        long,
        &[("file", file), ("fd", int), ("mode", text)],
    );
    Btf::parse(&a.finish()).expect("well-formed")
}

fn good(text: &str) -> Compiled {
    let compiled = compile(text, "test", &types()).unwrap_or_else(|error| panic!("{error}"));
    let verified = verify(&compiled.program);
    assert!(verified.is_ok(), "{text}: {:?}", verified.err());
    compiled
}

fn wrong(text: &str) -> String {
    let error = compile(text, "test", &types()).expect_err(text).to_string();
    let flat = error.replace(['│', '\n'], " ");
    flat.split_whitespace().collect::<Vec<_>>().join(" ")
}

const FILE: u64 = 0xffff_8880_0000_1000;
const NAME: u64 = 0xffff_8880_0000_2000;
const TASK: u64 = 0xffff_8880_0000_3000;

/// Objects by their addresses; nothing beside them can be read.
#[derive(Default)]
struct Objects(HashMap<u64, Vec<u8>>);

impl Memory for Objects {
    fn read(&mut self, address: u64, length: usize, words: &mut [u64]) -> Result<(), Unreadable> {
        let found = self.0.iter().find_map(|(start, bytes)| {
            let at = usize::try_from(address.checked_sub(*start)?).ok()?;
            bytes.get(at..at.checked_add(length)?)
        });
        put_bytes(words, address, found.ok_or(Unreadable)?);
        Ok(())
    }
}

/// A file of that name, opened by a task of that name.
fn memory(name: &str, comm: &str) -> Objects {
    let mut file = vec![0; 40];
    file[0..4].copy_from_slice(&(-2i32).to_le_bytes());
    file[8..16].copy_from_slice(&NAME.to_le_bytes());
    file[16..24].copy_from_slice(&TASK.to_le_bytes());
    file[24..27].copy_from_slice(b"tag");
    let mut task = vec![0; 32];
    task[0..4].copy_from_slice(&7u32.to_le_bytes());
    task[8..8 + comm.len()].copy_from_slice(comm.as_bytes());
    let name = [name.as_bytes(), &[0]].concat();
    Objects(HashMap::from([(FILE, file), (NAME, name), (TASK, task)]))
}

/// Whether a call fits: `open_file(file, 5, NULL)`, which returned -3.
fn asked(condition: &str, memory: &mut Objects) -> Option<bool> {
    let text = format!("recipe open_file at return {{ file; when {condition}; }}");
    let compiled = good(&text);
    let inputs = Inputs {
        // The upper half of an int's register is anything.
        arguments: &[FILE, 0xdead_beef_0000_0005, 0],
        returned: (-3i64) as u64,
        current: TASK,
        cpu: 2,
        ..Inputs::default()
    };
    fits(
        &verify(&compiled.program).expect("as above"),
        &inputs,
        memory,
    )
}

#[test]
fn a_condition_speaks_of_the_call() {
    let mut memory = memory("hostname", "cat");
    for (condition, fitting) in [
        ("fd == 5", true),
        ("fd != 5", false),
        ("fd < 6 && file->flags < 0", true),
        ("arg 1 > 5 || current->pid == 7", true),
        ("returned == -3", true),
        ("returned >= 0", false),
        ("cpu == 2", true),
        ("!mode", true),
        ("file->owner == current", true),
        ("file->name[0] == 'h' && file->name[7] == 'e'", true),
        ("file->name[0] == 'H'", false),
        ("mode && mode[0] == 'r'", false),
    ] {
        assert_eq!(asked(condition, &mut memory), Some(fitting), "{condition}");
    }
    // What can't be read fits nothing, unless it does not count.
    assert_eq!(asked("mode[0] == 'r'", &mut memory), None);
    assert_eq!(asked("fd == 5 || mode[0] == 'r'", &mut memory), Some(true));
    assert_eq!(asked("1 / (fd - 5)", &mut memory), None);
}

#[test]
fn strings_are_compared_with_texts() {
    // Of every length that takes other reads.
    for length in 0..=46 {
        let name: String = ('a'..='z').cycle().take(length).collect();
        let mut memory = memory(&name, "cat");
        let is = |text: &str| format!("file->name == \"{text}\"");
        assert_eq!(asked(&is(&name), &mut memory), Some(true), "{name}");
        assert_eq!(
            asked(&format!("\"{name}\" != file->name"), &mut memory),
            Some(false),
            "{name}"
        );
        let other = format!("{}#", name.get(1..).unwrap_or_default());
        assert_ne!(asked(&is(&other), &mut memory), Some(true), "{other}");
        // Longer by one: the last byte is read only where the others are right.
        assert_ne!(
            asked(&is(&format!("{name}x")), &mut memory),
            Some(true),
            "{name}x"
        );
        if let Some(shorter) = name.get(1..) {
            assert_eq!(asked(&is(shorter), &mut memory), Some(false), "{shorter}");
        }
    }
    let mut memory = memory("a", "a-very-long-one");
    for (condition, fitting) in [
        ("current->comm == \"a-very-long-one\"", true),
        ("current->comm == \"a-very-long-onf\"", false),
        ("current->comm != \"cat\"", true),
        ("file->owner->comm == \"a-very-long\"", false),
        ("file->label == \"tag\" && file->name == \"a\"", true),
        ("(char *)file->name == \"a\"", true),
        ("file->name == \"\"", false),
    ] {
        assert_eq!(asked(condition, &mut memory), Some(fitting), "{condition}");
    }
}

#[test]
fn strings_of_the_structure_are_compared_as_they_were_copied() {
    // In a rule there is an element: no memory is read for its own arrays.
    let compiled =
        good("recipe open_file { file; } struct file { name: string if label == \"tag\"; }");
    let program = Program::find(&compiled.program).expect("a program");
    let reads = (0..).map_while(|index| program.instruction_at(index));
    let mut reads = reads.filter(|step| step.op == kflat_abi::program::code::READ);
    assert!(reads.next().is_none());
}

#[test]
fn a_number_goes_into_the_program() {
    let of = |text| {
        let compiled = good(text);
        let program = Program::find(&compiled.program).expect("a program");
        (program.when().is_some(), program.nth())
    };
    assert_eq!(of("recipe open_file { file; }"), (false, 1));
    assert_eq!(of("recipe open_file { file; nth 1; }"), (false, 1));
    assert_eq!(of("recipe open_file { nth 3; file; }"), (false, 3));
    assert_eq!(
        of("recipe open_file { when fd == 3; nth 2; file; }"),
        (true, 2)
    );
    // Known when it is compiled: every call fits.
    assert_eq!(
        of("recipe open_file { file; when exists(struct file, flags); }"),
        (false, 1)
    );
    // Each recipe has its own.
    let two = "recipe open_file { file; when fd == 3; } recipe open_file+4 { file; nth 9; }";
    let all = compile_all(two, "t", &types()).unwrap_or_else(|error| panic!("{error}"));
    let nth: Vec<u32> = (all.iter())
        .filter_map(|one| Program::find(&one.program))
        .map(|program| program.nth())
        .collect();
    assert_eq!(nth, [1, 9]);
}

#[test]
fn mistakes_are_told_at_their_place() {
    for (statement, message, help) in [
        ("when fd = 3;", "expected `;`, found `=`", ""),
        (
            "when fb == 3;",
            "no argument `fb`",
            "it is long int open_file(",
        ),
        ("when value == 3;", "no value here", ""),
        ("when this;", "no `this` here", "arguments"),
        (
            "when returned < 0;",
            "nothing has been returned",
            "at return",
        ),
        ("when fd->x;", "not known what this points to", ""),
        ("when file->flag;", "has no member `flag`", "`flags`"),
        ("when 1 > 2;", "no call fits this", "arguments"),
        ("when fd; when fd;", "one `when`", "`&&`"),
        ("nth 0;", "counted from 1", "without `nth`"),
        ("nth 2; nth 3;", "one `nth`", "the second"),
        ("nth;", "has no argument `nth`", ""),
        ("nth fd;", "expected a number, found `fd`", ""),
        ("when \"x\";", "a text has no value", "NAME =="),
        ("when file->name < \"x\";", "a text has no value", "NAME =="),
        ("when \"x\" == \"y\";", "a text has no value", "NAME =="),
        ("when fd == \"x\";", "this is no string", "(char *)"),
        ("when file == \"x\";", "this is no string", "cast"),
        (
            "when current->comm == \"0123456789abcdef\";",
            "a text of 16 bytes is never in here",
            "16 bytes, the last of which is NUL",
        ),
        (
            "when file->owner->pid + file->owner->pid + file->owner->pid + file->owner->pid + fd[file->name];",
            "no elements",
            "",
        ),
        (
            "when file->owner->pid + file->owner->pid + file->owner->pid + file->owner->pid + file->flags;",
            "reads memory 9 times",
            "ask for less",
        ),
        ("when fd == 'ab';", "this is no character", "'x'"),
        (
            "when file->name == \"a path of more bytes than the reads that one condition may do, by far\";",
            "76 steps, an expression has 64",
            "ask for less",
        ),
    ] {
        let said = wrong(&format!("recipe open_file {{ file; {statement} }}"));
        assert!(
            said.contains(message) && said.contains(help),
            "{statement}: {said}"
        );
    }
}

#[test]
fn it_is_explained() {
    let first = |text: &str| {
        let shown = explain(text, "t", &types()).unwrap_or_else(|error| panic!("{error}"));
        shown.lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(
        first("recipe open_file { file; when fd == 3\n   && file->name == \"x\"; nth 3; }"),
        "When open_file is called and `fd == 3 && file->name == \"x\"` for the 3rd time, this is \
         captured:"
    );
    assert_eq!(
        first("recipe open_file at return { file; when returned < 0; }"),
        "When open_file returns and `returned < 0`, this is captured:"
    );
    for (nth, ordinal) in [
        (1, "1st"),
        (2, "2nd"),
        (11, "11th"),
        (13, "13th"),
        (122, "122nd"),
    ] {
        assert_eq!(
            first(&format!("recipe open_file {{ file; nth {nth}; }}")),
            format!("When open_file is called for the {ordinal} time, this is captured:")
        );
    }
}

#[test]
fn formatting_keeps_it() {
    let text =
        "recipe open_file {\nfile;\nwhen file->name == \"a;  {b\"&& fd != ';';\nnth   3 ;\n}\n";
    let formatted = fmt(text, "t").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        formatted,
        "recipe open_file {\n    file;\n    when file->name == \"a;  {b\"&& fd != ';';\n    nth 3;\n}\n"
    );
    assert_eq!(good(&formatted).program, good(text).program);
}

/// Two tracepoints' callers, as kernels have them.
fn with_tracepoints() -> Btf {
    let mut a = Assembler::default();
    let int = a.int("int", 4, true);
    let task = a.structure("task_struct", 8, &[("pid", int, 0)]);
    let task = a.pointer(task);
    let void = a.pointer(TypeId::VOID);
    a.function(
        "__traceiter_sched_fork",
        int,
        &[("__data", void), ("parent", task), ("child", task)],
    );
    Btf::parse(&a.finish()).expect("well-formed")
}

#[test]
fn a_tracepoint_s_arguments_have_names() {
    let text = "recipe tracepoint:sched_fork { child; when parent->pid == 1; }";
    let compiled = compile(text, "t", &with_tracepoints()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(compiled.target, "tracepoint:sched_fork");
    assert_eq!(kflat_recipe::module_of(text, "t").ok(), Some(None));
    let program = Program::find(&compiled.program).expect("a program");
    assert_eq!(program.root_at(0).map(|root| root.value), Some(1));
    let first = program.when().and_then(|when| program.instruction_at(when));
    assert_eq!(first.map(|step| step.value), Some(0), "argument 0");
    let text = generate("tracepoint:sched_fork", &with_tracepoints()).expect("a recipe");
    assert!(
        text.contains("    parent;") && text.contains("    child;"),
        "{text}"
    );
    assert!(!text.contains("    __data"), "{text}");
    compile(&text, "t", &with_tracepoints()).unwrap_or_else(|error| panic!("{error}"));
    let error = generate("tracepoint:sched_frk", &with_tracepoints()).expect_err("none");
    assert!(error.to_string().contains("`sched_fork`"), "{error}");
}

#[test]
fn an_address_is_a_place_too() {
    let compiled = good("recipe 0xffffffff81234560 { arg 0 as file: as struct file; when arg 1; }");
    assert_eq!(compiled.target, "0xffffffff81234560");
    let said = wrong("recipe 0x1234 { arg 0: as struct file; }");
    assert!(said.contains("no address of the kernel's"), "{said}");
}
