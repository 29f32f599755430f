//! A recipe that was compiled for one kernel, and another kernel.

use kflat_btf::{Assembler, Btf};
use kflat_recipe::{Compiled, LayoutError, check_layout, compile};

/// What may differ between kernels.
#[derive(Clone, Copy)]
struct Kernel {
    /// Bytes of `struct file`.
    size: u32,
    /// Where its `name` is.
    name: u32,
    /// The member that is called so, or something else.
    member: &'static str,
    /// A member of a structure in it without a name.
    inner: u32,
    /// Where `struct task` has its `pid`.
    pid: u32,
    long_pid: bool,
    /// Whether the function has one more argument in front.
    more: bool,
    elements: u32,
    owner: &'static str,
    low_bits: u8,
    /// Another type of that name.
    twins: bool,
    /// A type that no recipe here speaks of.
    unrelated: u32,
}

const OLD: Kernel = Kernel {
    size: 80,
    name: 8,
    member: "name",
    inner: 0,
    pid: 4,
    long_pid: false,
    more: false,
    elements: 4,
    owner: "task",
    low_bits: 3,
    twins: false,
    unrelated: 8,
};

impl Kernel {
    fn types(self) -> Btf {
        let mut a = Assembler::default();
        a.structure("unrelated", self.unrelated, &[]);
        if self.twins {
            a.structure("task", 4, &[]);
        }
        let int = a.int("int", 4, true);
        let char_ = a.int("char", 1, true);
        let long = a.int("long int", 8, true);
        let text = a.pointer(char_);
        let pid = if self.long_pid { long } else { int };
        let task = a.structure("task", 16, &[("pid", pid, self.pid)]);
        let other = a.structure("other", 16, &[("pid", int, 4)]);
        let owner = a.pointer(if self.owner == "task" { task } else { other });
        let inner = a.structure("", 8, &[("lock", int, self.inner)]);
        let bits = a.bit_structure("bits", 4, &[("low", int, 0, self.low_bits)]);
        let numbers = a.array(int, self.elements);
        let file = a.structure(
            "file",
            self.size,
            &[
                (self.member, text, self.name),
                ("owner", owner, 16),
                ("", inner, 24),
                ("bits", bits, 32),
                ("numbers", numbers, 40),
            ],
        );
        let file = a.pointer(file);
        let arguments = match self.more {
            true => vec![("flags", int), ("file", file)],
            false => vec![("file", file)],
        };
        a.function("open_file", int, &arguments);
        Btf::parse(&a.finish()).expect("well-formed")
    }

    fn compiled(self) -> Compiled {
        // `struct task` is read by the condition only.
        let text = "recipe open_file { file; when file->owner->pid == 7; } struct file { name; }";
        compile(text, "t", &self.types()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// What this kernel says to a recipe from the old one.
    fn says(self) -> Option<String> {
        let Compiled { program, types, .. } = OLD.compiled();
        let refused = check_layout(&program, &types, &self.types()).err()?;
        assert!(matches!(refused, LayoutError::OtherKernel { .. }));
        Some(refused.to_string())
    }
}

#[test]
fn a_kernel_with_the_same_layout_takes_it() {
    assert_eq!(OLD.says(), None);
    let unrelated = Kernel {
        unrelated: 16,
        ..OLD
    };
    assert_eq!(unrelated.says(), None, "it is not used");
}

#[test]
fn a_kernel_with_another_layout_says_what_differs() {
    for (kernel, difference) in [
        (
            Kernel { size: 88, ..OLD },
            "`struct file` had 80 bytes, here it has 88",
        ),
        (
            Kernel { name: 0, ..OLD },
            "`name` of `struct file` was at byte 8, here it is at byte 0",
        ),
        (
            Kernel {
                member: "path",
                ..OLD
            },
            "`struct file` has no `name` here",
        ),
        (
            Kernel { inner: 4, ..OLD },
            "`lock` of `struct file` was at byte 0, here it is at byte 4",
        ),
        (
            Kernel { pid: 8, ..OLD },
            "`pid` of `struct task` was at byte 4, here it is at byte 8",
        ),
        (
            Kernel {
                long_pid: true,
                ..OLD
            },
            "`pid` of `struct task` was a `int`, here it is a `long int`",
        ),
        (
            Kernel { elements: 5, ..OLD },
            "`numbers` of `struct file` was a",
        ),
        (
            Kernel {
                owner: "other",
                ..OLD
            },
            "`owner` of `struct file` was a `struct task *`, here it is a `struct other *`",
        ),
        (Kernel { low_bits: 4, ..OLD }, "`low` of `struct bits` was"),
        (
            Kernel { more: true, ..OLD },
            "the argument `file` was at position 0, here it is at 1",
        ),
    ] {
        let said = kernel.says().expect(difference);
        assert!(
            said.contains(difference)
                && said.contains("compiled for another kernel, whose layout differs (layout hash"),
            "{said}"
        );
    }
}

#[test]
fn types_of_another_recipe_are_refused() {
    let Compiled { program, .. } = OLD.compiled();
    let other = Kernel { size: 88, ..OLD }.compiled();
    let refused = check_layout(&program, &other.types, &OLD.types());
    assert!(matches!(refused, Err(LayoutError::OtherTypes { .. })));
    let refused = check_layout(&[1, 2, 3], &other.types, &OLD.types());
    assert_eq!(refused, Err(LayoutError::Damaged));
}

#[test]
fn a_kernel_may_have_several_types_of_a_name() {
    let twins = Kernel { twins: true, ..OLD };
    assert_eq!(twins.says(), None, "one of them is the one");
    let moved = Kernel { name: 0, ..twins };
    assert!(moved.says().is_some(), "neither is");
}

#[test]
fn a_kernel_may_lack_a_type() {
    let mut a = Assembler::default();
    a.structure("task", 16, &[]);
    let Compiled { program, types, .. } = OLD.compiled();
    let kernel = Btf::parse(&a.finish()).expect("well-formed");
    let said = check_layout(&program, &types, &kernel)
        .expect_err("no")
        .to_string();
    assert!(
        said.contains("there is no `struct file` here") || said.contains("`struct task` has no"),
        "{said}"
    );
}
