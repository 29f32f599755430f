//! What people see.

use kflat_btf::Btf;
use kflat_image::describe::describe;
use kflat_image::show::{Options, ShowError, show};
use kflat_image::{Additions, Image, save};
use kflat_recipe::compile;

use crate::kernel::{FILE as FILE_ADDRESS, Kernel, capture, captured, image, types};

fn shown(image: &Image, options: &Options) -> String {
    let mut out = Vec::new();
    show(image, options, &mut out).unwrap_or_else(|error| panic!("{error}"));
    String::from_utf8(out).expect("UTF-8")
}

/// The view of a path in the example.
fn at(path: &str) -> String {
    let options = Options {
        path: Some(path.to_owned()),
        ..Options::default()
    };
    shown(&image(), &options).trim_end().to_owned()
}

/// Why a path in the example leads nowhere.
fn nowhere(path: &str) -> String {
    let options = Options {
        path: Some(path.to_owned()),
        ..Options::default()
    };
    match show(&image(), &options, &mut Vec::new()) {
        Err(ShowError::Path(error)) => error.to_string(),
        other => panic!("{path}: {other:?}"),
    }
}

const REGISTERS: &str = "unsigned int mode = 7;
enum state wanted = SLEEPING | STOPPED;
void *other = 0xffff888000200000;
";

const FILE: &str = r#"struct file *file = → {
    struct path f_path = {
        struct vfsmount *mnt = → .mnt of struct mount {
            unsigned long mnt_hash = 7;
            struct vfsmount mnt = {
                int mnt_flags = 33;
                unsigned long mnt_id = 12;
            };
        };
        struct dentry *dentry = → {
            struct dentry *d_parent = → {
                struct dentry *d_parent = → see file->f_path.dentry->d_parent /* cycle */;
                struct qstr d_name = {
                    unsigned int len = 1;
                    const unsigned char *name = "/";
                };
                int d_count = 2;
            };
            struct qstr d_name = {
                unsigned int len = 8;
                const unsigned char *name = "hostname";
            };
            int d_count = 1;
        };
    };
    struct operations *f_op = → {
        int (*read)(struct file *) = example_read;
        int (*write)(struct file *) = NULL;
    };
    unsigned int f_mode = 0x4801d /* 294941 */;
    int count = 2;
    struct dentry *table = → {
        [0] = → see file->f_path.dentry,
        [1] = {
            struct dentry *d_parent = → see file->f_path.dentry;
            struct qstr d_name = { 0 };
            int d_count = 3;
        },
    };
    void *private = → see file /* cycle */;
    struct file *lost = 0xffff88800fff0000 /* unreadable memory */;
    union {
        unsigned long number = 0x100000007 /* 4294967303 */;
        unsigned int halves = 7;
    };
    struct flags bits = {
        unsigned int low : 3 = 5;
        unsigned int high : 5 = 22;
    };
    unsigned int numbers[8] = { 1 <repeats 5 times>, 2, 0, 0 };
    struct file *never = 0xffff888000200000 /* see file->f_path.dentry */;
};
"#;

const TASK: &str = r#"struct task *task = → {
    enum state state = RUNNING;
    int pid = 1;
    char comm[16] = "init";
    struct list_head children = /* list of struct task by sibling */ {
        [0] = {
            enum state state = SLEEPING;
            int pid = 2;
            char comm[16] = "sh";
            struct list_head children = /* list of struct task by sibling */ { };
            struct list_head sibling = { next = → see task->children[1].sibling, prev = → see task->children };
            struct file *file = 0xffff888000100000 /* see file */;
            char grade = 'A';
        },
        [1] = {
            enum state state = SLEEPING | STOPPED;
            int pid = 3;
            char comm[16] = "cat";
            struct list_head children = /* list of struct task by sibling */ { };
            struct list_head sibling = { next = → see task->children, prev = → see task->children[0].sibling };
            struct file *file = 0xffff888000100000 /* see file */;
            char grade = 'A';
        },
    };
    struct list_head sibling = { 0 };
    struct file *file = 0xffff888000100000 /* see file */;
    char grade = 'A';
};
"#;

#[test]
fn roots_are_shown_as_c_declares_them() {
    let view = shown(&image(), &Options::default());
    assert_eq!(
        view,
        format!("{REGISTERS}{FILE}{TASK}void *nothing = NULL;\n")
    );
}

#[test]
fn arguments_that_are_no_roots_are_in_the_registers() {
    assert_eq!(at("mode"), "unsigned int mode = 7;");
    assert_eq!(at("wanted"), "enum state wanted = SLEEPING | STOPPED;");
}

#[test]
fn what_lies_at_a_computed_address_is_shown_behind_the_roots() {
    const TEXT: &str = "recipe visit { file; }
        struct file { f_mode: keep decode f_path.dentry as struct dentry; }
        struct qstr { len: keep decode (u64)name + 1 bytes 4; }";
    let btf = Btf::parse(&types()).expect("types");
    let compiled = compile(TEXT, "t", &btf).unwrap_or_else(|error| panic!("{error}"));
    let bytes = capture(&compiled.program, &mut Kernel::example(), &[FILE_ADDRESS]);
    let additions = Additions {
        types: &compiled.types,
        program: &compiled.program,
        ..Additions::default()
    };
    let image = Image::open(save(&bytes, &additions).expect("an image")).expect("an image");
    let view = shown(&image, &Options::default());
    let (_, behind) = view.split_once("\n}").expect("the root");
    let kept = behind
        .find("\nstruct dentry *file->f_mode = → {\n")
        .expect("what the number stands for");
    let bytes = behind
        .find("\nvoid *file->f_mode->d_name.len = → \"ostn\";\n")
        .expect("what the number in that stands for");
    assert!(kept < bytes, "{view}");
}

#[test]
fn paths_lead_through_pointers_arrays_and_lists() {
    assert_eq!(
        at("file.f_path.dentry->d_name.name"),
        "const unsigned char *file.f_path.dentry->d_name.name = \"hostname\";"
    );
    assert_eq!(
        at("task.children[1].comm"),
        "char task.children[1].comm[16] = \"cat\";"
    );
    assert_eq!(at("task->pid"), "int task->pid = 1;");
    assert_eq!(
        at("file.table[1].d_count"),
        "int file.table[1].d_count = 3;"
    );
    assert_eq!(at("file.numbers[5]"), "unsigned int file.numbers[5] = 2;");
    assert_eq!(at("file.halves"), "unsigned int file.halves = 7;");
    assert_eq!(at("file.bits.high"), "unsigned int file.bits.high = 22;");
    assert_eq!(
        at("task"),
        TASK.replace("file */", "*/")
            .replace(" /* see */", "")
            .trim_end()
    );
    // Not followed by the recipe, but captured on another way.
    assert_eq!(
        at("task.file.f_op.read"),
        "int (*task.file.f_op.read)(struct file *) = example_read;"
    );
}

#[test]
fn a_wrong_path_is_told_what_is_near() {
    let cases = [
        (
            "fil",
            "there is no root \"fil\"; the image has file, task, nothing",
        ),
        (
            "file.f_pth",
            "struct file at file has no member \"f_pth\"; did you mean \"f_path\"?",
        ),
        (
            "file.f_path.xyz",
            "struct path at file.f_path has no member \"xyz\"; it has mnt, dentry",
        ),
        (
            "task.children[7]",
            "task.children has 2 elements, there is no [7]",
        ),
        (
            "file.numbers[8]",
            "file.numbers has 8 elements, there is no [8]",
        ),
        (
            "file.table[2]",
            "file.table has 2 elements, there is no [2]",
        ),
        (
            "file.lost.count",
            "file.lost leads to 0xffff88800fff0000, which was not captured",
        ),
        ("file.f_op.write.x", "file.f_op.write is NULL"),
        (
            "file.f_op.read.x",
            "file.f_op.read is the function example_read",
        ),
        ("nothing.x", "nothing is NULL"),
        ("task.pid.x", "task.pid is of type int and has no members"),
        (
            "task.pid[0]",
            "task.pid is of type int: no array, list or pointer that an index could follow",
        ),
    ];
    for (path, expected) in cases {
        assert_eq!(nowhere(path), expected);
    }
    for path in [
        "file.",
        "file.f_path[",
        "file.f_path[x]",
        "file..f_path",
        "file-f_path",
    ] {
        assert!(
            nowhere(path).contains("ot a path") || nowhere(path).contains("no root"),
            "{path}"
        );
    }
}

#[test]
fn depth_elements_characters_and_lines_bound_the_view() {
    let shallow = shown(
        &image(),
        &Options {
            depth: 1,
            ..Options::default()
        },
    );
    assert!(shallow.contains("struct dentry *dentry = → {…};"));
    assert!(shallow.contains("[1] = {…},"));
    let narrow = shown(
        &image(),
        &Options {
            elements: 1,
            ..Options::default()
        },
    );
    assert!(narrow.contains("/* 1 more */"));
    assert!(narrow.contains("{ 1 <repeats 5 times>, … /* 3 more */ }"));
    let short = shown(
        &image(),
        &Options {
            characters: 4,
            ..Options::default()
        },
    );
    assert!(short.contains("name = \"host\"…;"));
    let few = shown(
        &image(),
        &Options {
            lines: 5,
            ..Options::default()
        },
    );
    assert!(few.contains("The view ends after 5 lines") && few.lines().count() < 10);
}

#[test]
fn addresses_zeros_and_colours_can_be_asked_for() {
    let options = Options {
        addresses: true,
        zeros: true,
        ..Options::default()
    };
    let view = shown(&image(), &options);
    assert!(view.contains("struct file *file = 0xffff888000100000 → {"));
    assert!(view.contains("struct vfsmount *mnt = 0xffff888000400010 → .mnt of struct mount {"));
    assert!(view.contains("struct list_head sibling = { next = NULL, prev = NULL };"));
    let coloured = shown(
        &image(),
        &Options {
            colour: true,
            ..Options::default()
        },
    );
    assert!(coloured.contains("\x1b["));
    let mut plain = String::new();
    for (index, part) in coloured.split("\x1b[").enumerate() {
        plain.push_str(if index == 0 {
            part
        } else {
            part.split_once('m').unwrap().1
        });
    }
    assert_eq!(plain, shown(&image(), &Options::default()));
}

#[test]
fn objects_are_shown_by_type() {
    let of = |name: &str| Options {
        type_name: Some(name.to_owned()),
        ..Options::default()
    };
    let view = shown(&image(), &of("struct mount"));
    assert!(
        view.starts_with("*(struct mount *)0xffff888000400000 = {\n    unsigned long mnt_hash")
    );
    let error = show(&image(), &of("struct mont"), &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("struct mount"), "{error}");
}

#[test]
fn without_types_words_are_shown() {
    let image = Image::open(captured().0).unwrap();
    let view = shown(&image, &Options::default());
    assert!(view.starts_with("file = → {\n    [0x0] = → {\n        [0x0] = 0x0000000000000021,"));
    assert!(view.contains("[0x10] = → \"hostname\","));
    assert!(view.contains("[0x0] = example_read,"));
    assert!(view.contains("[0x28] = → see file,"));
    assert!(view.ends_with("nothing = NULL;\n"));
    let path = Options {
        path: Some("file.f_op".to_owned()),
        ..Options::default()
    };
    let error = show(&image, &path, &mut Vec::new()).unwrap_err();
    assert!(matches!(error, ShowError::NoTypes));
}

#[test]
fn an_image_is_described() {
    let mut out = Vec::new();
    describe(&image(), &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    for line in [
        "         104  header",
        "          72  extension: original addresses",
        "Recipe for visit",
        "  hit by \"cat\" (pid 42, tid 43) on CPU 0, 5.000000001 s after boot",
        "  captured in 7 µs",
        "  release: 6.12.1",
        "3 roots:",
        "  file: struct file *, at offset 0x0, 112 bytes from 0xffff888000100000",
        "  nothing: void *, NULL or not captured",
        "         3 × struct task, 216 bytes",
        "Not captured (1):",
        "  file->lost: unreadable memory at 0xffff88800fff0000 (112 bytes)",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}
