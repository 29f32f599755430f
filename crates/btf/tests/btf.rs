//! Reading, asking and writing, on made-up types and on the kernels at hand.

use kflat_btf::{Assembler, Btf, Kind, NamedKind, ParseError, Subset, TypeId, layout_hash};
use proptest::prelude::*;

/// A few types that have every difficulty once.
fn sample() -> Assembler {
    let mut a = Assembler::default();
    let int = a.int("int", 4, true);
    let char_ = a.int("char", 1, true);
    let long = a.int("unsigned long", 8, false);
    let name = a.array(char_, 16);
    let list = a.next_id();
    let list_pointer = TypeId(list.0 + 1);
    a.structure(
        "list_head",
        16,
        &[("next", list_pointer, 0), ("prev", list_pointer, 8)],
    );
    a.pointer(list);
    let either = a.union("", 8, &[("number", long), ("link", list_pointer)]);
    let state = a.enumeration("state", &[("RUNNING", 0), ("STOPPED", -1)]);
    let task = a.next_id();
    let task_pointer = TypeId(task.0 + 1);
    a.structure(
        "task",
        64,
        &[
            ("comm", name, 0),
            ("", either, 16),
            ("tasks", list, 24),
            ("state", state, 40),
            ("parent", task_pointer, 48),
            ("pid", int, 56),
        ],
    );
    a.pointer(task);
    let pid_type = a.typedef("pid_t", int);
    let const_char = a.constant(char_);
    let text = a.pointer(const_char);
    let user_text = a.tag("user", const_char);
    let user_pointer = a.pointer(user_text);
    a.function(
        "wake",
        pid_type,
        &[("task", task_pointer), ("why", text), ("buf", user_pointer)],
    );
    let callback = a.prototype(int, &[("", task_pointer), ("", TypeId::VOID)]);
    let callback = a.pointer(callback);
    a.bit_structure(
        "flags",
        8,
        &[("low", int, 0, 3), ("high", int, 3, 5), ("f", int, 32, 0)],
    );
    let rows = a.array(name, 4);
    let rows = a.pointer(rows);
    a.structure("ops", 16, &[("call", callback, 0), ("rows", rows, 8)]);
    a
}

fn parsed() -> Btf {
    Btf::parse(&sample().finish()).expect("well-formed")
}

#[test]
fn members_are_found_through_unnamed_unions() {
    let btf = parsed();
    let task = btf.find(NamedKind::Struct, "task").expect("there");
    let offset = |name| btf.field(task, name).and_then(|field| field.offset());
    assert_eq!(offset("link"), Some(16));
    assert_eq!(offset("pid"), Some(56));
    assert_eq!(offset("nothing"), None);
    let names: Vec<&str> = btf.fields(task).iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        ["comm", "number", "link", "tasks", "state", "parent", "pid"]
    );
    assert_eq!(btf.size(task), Some(64));
    assert_eq!(
        btf.size(btf.field(task, "comm").expect("there").of),
        Some(16)
    );
}

#[test]
fn bit_fields_have_no_byte_offset() {
    let btf = parsed();
    let flags = btf.find(NamedKind::Struct, "flags").expect("there");
    let high = btf.field(flags, "high").expect("there");
    assert_eq!(
        (high.offset_bits, high.bit_size, high.offset()),
        (3, 5, None)
    );
    assert_eq!(btf.field(flags, "f").expect("there").offset(), Some(4));
}

#[test]
fn declarations_read_as_c() {
    let btf = parsed();
    let field = |of: &str, name: &str| {
        let id = btf.find(NamedKind::Struct, of).expect("there");
        btf.declaration(btf.field(id, name).expect("there").of, name)
    };
    assert_eq!(field("task", "comm"), "char comm[16]");
    assert_eq!(field("task", "parent"), "struct task *parent");
    assert_eq!(field("task", "state"), "enum state state");
    assert_eq!(field("ops", "call"), "int (*call)(struct task *, ...)");
    assert_eq!(field("ops", "rows"), "char (*rows)[4][16]");
    assert_eq!(
        btf.function_declaration("wake").as_deref(),
        Some("pid_t wake(struct task *task, const char *why, const char *buf)")
    );
}

#[test]
fn a_subset_has_what_is_contained_and_declares_what_is_pointed_to() {
    let btf = parsed();
    let ops = btf.find(NamedKind::Struct, "ops").expect("there");
    let bytes = Subset::of(&btf, &[ops]).finish();
    let small = Btf::parse(&bytes).expect("well-formed");
    let ops = small.find(NamedKind::Struct, "ops").expect("there");
    assert_eq!(ops, TypeId(1), "what was asked for comes first");
    assert_eq!(small.size(ops), Some(16));
    assert!(small.find(NamedKind::Struct, "task").is_none());
    let call = small.field(ops, "call").expect("there").of;
    assert_eq!(
        small.declaration(call, "call"),
        "int (*call)(struct task *, ...)"
    );

    let task = btf.find(NamedKind::Struct, "task").expect("there");
    let whole = Btf::parse(&Subset::of(&btf, &[task, ops]).finish()).expect("well-formed");
    let task = whole.find(NamedKind::Struct, "task").expect("there");
    assert_eq!(whole.fields(task).len(), 7);
    let state = whole.resolve(whole.field(task, "state").expect("there").of);
    let Kind::Enum { values, .. } = whole.kind(state) else {
        panic!("an enum");
    };
    let named: Vec<(&str, i64)> = (values.iter())
        .map(|value| (whole.enumerator_name(value), value.value))
        .collect();
    assert_eq!(named, [("RUNNING", 0), ("STOPPED", -1)]);
    assert_ne!(
        layout_hash(&bytes),
        layout_hash(&Subset::of(&btf, &[task]).finish())
    );
}

#[test]
fn a_function_that_is_asked_for_has_its_prototype() {
    let btf = parsed();
    let wake = btf.find(NamedKind::Function, "wake").expect("there");
    let task = btf.find(NamedKind::Struct, "task").expect("there");
    let small = Btf::parse(&Subset::of(&btf, &[wake]).finish()).expect("well-formed");
    assert_eq!(
        small.function_declaration("wake"),
        btf.function_declaration("wake")
    );
    let (_, parameters) = small.prototype("wake").expect("there");
    assert_eq!(
        small.argument_words(parameters),
        [Some(0), Some(1), Some(2)]
    );
    let without = Btf::parse(&Subset::of(&btf, &[task]).finish()).expect("well-formed");
    assert!(without.prototype("wake").is_none());
}

#[test]
fn a_module_adds_to_the_kernel() {
    let base = sample();
    let kernel = Btf::parse(&base.finish()).expect("well-formed");
    let mut module = Assembler::on_top_of(&base);
    let task = kernel.find(NamedKind::Struct, "task").expect("there");
    let pointer = module.pointer(task);
    module.structure("driver", 8, &[("owner", pointer, 0)]);
    let both = kernel.with_module(&module.finish()).expect("well-formed");
    let driver = both.find(NamedKind::Struct, "driver").expect("there");
    let owner = both.field(driver, "owner").expect("there").of;
    assert_eq!(both.declaration(owner, "owner"), "struct task *owner");
    assert!(kernel.find(NamedKind::Struct, "driver").is_none());
    assert!(both.find(NamedKind::Struct, "list_head").is_some());
}

#[test]
fn types_that_contain_themselves_end() {
    let mut a = Assembler::default();
    a.typedef("round", TypeId(1));
    a.array(TypeId(2), 3);
    a.structure("", 8, &[("", TypeId(3), 0), ("", TypeId(3), 0)]);
    a.pointer(TypeId(4));
    a.prototype(TypeId(5), &[("", TypeId(5)), ("", TypeId(5))]);
    let btf = Btf::parse(&a.finish()).expect("well-formed");
    for id in 0..btf.count() {
        let id = TypeId(id);
        let _ = btf.size(id);
        let _ = btf.fields(id);
        let _ = btf.type_name(id);
        let _ = Subset::of(&btf, &[id]).finish();
    }
}

/// Each takes a thousand of the one before it.
#[test]
fn functions_that_take_functions_without_end_are_cut_off() {
    let mut a = Assembler::default();
    let int = a.int("int", 4, true);
    let mut function = a.prototype(int, &[("", int)]);
    for _ in 0..8 {
        let pointer = a.pointer(function);
        function = a.prototype(pointer, &[("", pointer); 1000]);
    }
    let btf = Btf::parse(&a.finish()).unwrap();
    assert!(btf.type_name(function).len() < 20_000);
}

#[test]
fn damage_is_told() {
    let good = sample().finish();
    assert_eq!(Btf::parse(b"").err(), Some(ParseError::Magic));
    assert_eq!(Btf::parse(&good[1..]).err(), Some(ParseError::Magic));
    let cut = Btf::parse(&good[..good.len() - 1]);
    assert_eq!(cut.err(), Some(ParseError::Short { what: "the names" }));
    let mut lost = Assembler::default();
    lost.pointer(TypeId(77));
    let error = Btf::parse(&lost.finish()).err();
    assert_eq!(
        error,
        Some(ParseError::Reference {
            id: 1,
            to: 77,
            count: 2
        })
    );
}

/// Where there is a kernel with BTF, as in the guests and on most machines.
#[test]
fn the_running_kernel_is_understood() {
    let Ok(btf) = kflat_btf::kernel::vmlinux() else {
        return;
    };
    let file = btf.find(NamedKind::Struct, "file").expect("struct file");
    assert!(btf.field(file, "f_op").is_some());
    let bytes = Subset::of(&btf, &[file]).finish();
    let small = Btf::parse(&bytes).expect("well-formed");
    assert_eq!(small.size(TypeId(1)), btf.size(file));
}

proptest! {
    #[test]
    fn damaged_bytes_do_no_harm(changes in prop::collection::vec((24usize..2000, any::<u8>()), 1..12)) {
        let mut bytes = sample().finish();
        for (at, value) in changes {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        if let Ok(btf) = Btf::parse(&bytes) {
            for id in 0..btf.count() {
                let id = TypeId(id);
                let _ = btf.size(id);
                let _ = btf.fields(id);
                let _ = btf.type_name(id);
                prop_assert!(Btf::parse(&Subset::of(&btf, &[id]).finish()).is_ok());
            }
        }
    }
}
