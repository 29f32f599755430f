//! Recipes over the types of real kernels.

use std::path::{Path, PathBuf};

use kflat_abi::program::{Program, Slabs};
use kflat_btf::{Btf, NamedKind};
use kflat_recipe::{
    AutoOptions, CallArgument, Compiled, check_layout, check_rules, compile, generate,
    generate_with,
};

/// BTF of Debian's kernels: those in the directory that `KFLAT_TEST_BTF` names, as
/// `cargo xtask test` does.
fn kernels() -> Vec<(PathBuf, Btf)> {
    let Some(directory) = std::env::var_os("KFLAT_TEST_BTF") else {
        return Vec::new();
    };
    let entries = std::fs::read_dir(&directory).expect("KFLAT_TEST_BTF is a directory");
    let found: Vec<(PathBuf, Btf)> = (entries.flatten().map(|entry| entry.path()))
        .filter(|path| path.to_string_lossy().contains("vmlinux"))
        .map(|path| {
            let btf = kflat_btf::kernel::from_file(&path).expect("BTF");
            (path, btf)
        })
        .collect();
    assert!(
        found.len() >= 3,
        "KFLAT_TEST_BTF has the types of all kernels"
    );
    found
}

/// Those, and that of the kernel that runs here, which may lack anything.
fn kernels_at_hand() -> Vec<(PathBuf, Btf)> {
    let mut found = kernels();
    if let Ok(btf) = kflat_btf::kernel::vmlinux() {
        found.push((PathBuf::from(kflat_btf::kernel::DIRECTORY), btf));
    }
    found
}

/// Compiles for a kernel, and passes the verifier.
fn good(text: &str, kernel: &Path, btf: &Btf) -> Compiled {
    let compiled =
        compile(text, "t", btf).unwrap_or_else(|error| panic!("{}: {error}", kernel.display()));
    let verified = kflat_engine::verify(&compiled.program);
    assert!(
        verified.is_ok(),
        "{}: {:?}",
        kernel.display(),
        verified.err()
    );
    compiled
}

#[test]
fn what_is_known_of_the_kernel_holds_for_every_kernel() {
    for (kernel, btf) in kernels() {
        check_rules(kflat_recipe::KNOWLEDGE, "knowledge.kflat", &btf)
            .unwrap_or_else(|error| panic!("{}: {error}", kernel.display()));
    }
}

#[test]
fn how_slabs_are_described_is_known_of_every_kernel() {
    for (kernel, btf) in kernels() {
        let plain = good("recipe vfs_read { file; }", &kernel, &btf);
        let slabs = |compiled: &Compiled| Program::find(&compiled.program).map(|p| p.slabs());
        assert_eq!(slabs(&plain), Some(Slabs::default()));
        let asks = good("recipe vfs_read { buf: whole object; }", &kernel, &btf);
        let found = slabs(&asks).expect("a program");
        // As `pahole` shows the members, the same on all three.
        assert_eq!(
            (found.size, found.object_size),
            (24, 28),
            "{}",
            kernel.display()
        );
        assert!(matches!(found.cache, 8 | 24), "{found:?}");
        assert!(matches!(found.red_left_pad, 80 | 88), "{found:?}");
    }
}

/// Names of the views of a program.
fn views(compiled: &Compiled) -> Vec<String> {
    let program = Program::find(&compiled.program).expect("a program");
    let views = (0..program.counts().0).filter_map(|index| program.type_at(index));
    views
        .filter_map(|view| program.string_at(view.name).map(str::to_owned))
        .collect()
}

#[test]
fn hubs_are_crossed_only_where_a_recipe_asks() {
    for (kernel, btf) in kernels() {
        let begin = "include \"knowledge.kflat\"; recipe vfs_read ";
        let plain = views(&good(&format!("{begin} {{ file; }}"), &kernel, &btf));
        assert!(plain.contains(&"struct super_block".to_owned()));
        assert!(
            !plain.contains(&"struct backing_dev_info".to_owned()),
            "{plain:?}"
        );
        let asked = format!("{begin} {{ file; }} struct super_block {{ s_id; }}");
        let asked = views(&good(&asked, &kernel, &btf));
        assert!(
            asked.contains(&"struct backing_dev_info".to_owned()),
            "{asked:?}"
        );
        let root = views(&good(&format!("{begin} {{ current; }}"), &kernel, &btf));
        assert!(
            root.contains(&"struct signal_struct".to_owned()),
            "{root:?}"
        );
    }
}

#[test]
fn a_recipe_of_another_kernel_is_refused() {
    const TEXT: &str = "
        recipe vfs_read { file; when current->comm == \"cat\" && count > 1; }
        struct file { f_inode; } struct inode { i_mode; }";
    // Alike on all of them.
    const SIMPLE: &str = "recipe vfs_read { file as list: as struct list_head; }";
    let kernels = kernels();
    for (from, old) in &kernels {
        let compiled = good(TEXT, from, old);
        let simple = good(SIMPLE, from, old);
        for (to, new) in &kernels {
            let fits = check_layout(&compiled.program, &compiled.types, new);
            assert_eq!(
                fits.is_ok(),
                from == to,
                "{} on {}: {fits:?}",
                from.display(),
                to.display()
            );
            let fits = check_layout(&simple.program, &simple.types, new);
            assert_eq!(fits, Ok(()), "{} on {}", from.display(), to.display());
        }
    }
}

#[test]
fn tracepoints_have_arguments_on_every_kernel() {
    for (kernel, btf) in kernels() {
        let text = generate("tracepoint:sched_process_fork", &btf).expect("a recipe");
        let compiled = good(&text, &kernel, &btf);
        let program = Program::find(&compiled.program).expect("a program");
        let names: Vec<_> = (0..program.counts().2)
            .filter_map(|index| program.string_at(program.root_at(index)?.name))
            .collect();
        assert_eq!(names, ["parent", "child"], "{}", kernel.display());
    }
}

#[test]
fn what_a_kernel_lacks_of_what_is_known_is_left_out() {
    for (kernel, btf) in kernels_at_hand() {
        if btf.find(NamedKind::Function, "vfs_read").is_some() {
            let text = "include \"knowledge.kflat\"; recipe vfs_read { file; current; }";
            good(text, &kernel, &btf);
        }
    }
}

#[test]
fn containers_of_every_kind_compile_for_every_kernel() {
    const TEXT: &str = "
        recipe vfs_read at return {
            file; pos if count > 4096; returned?: skip;
            from file->f_inode as inode;
            global runqueues: per cpu as struct rq;
            global init_task unnamed: as struct task_struct;
            current;
            buf: user bytes count;
            detect changes;
        }
        struct rq { curr; }
        struct task_struct {
            mm;
            stack: whole object;
            tasks: list of struct task_struct by tasks max 5;
            children: list of struct task_struct by sibling { real_cred; }
            thread_pid;
        }
        struct pid { numbers: array level + 1; }
        struct upid { ns; }
        struct pid_namespace { idr: idr of struct pid; }
        struct mm_struct {
            if exists(mm_mt) { mm_mt: maple of struct vm_area_struct; }
            arg_start: user bytes arg_end - arg_start;
        }
        struct vm_area_struct { vm_file if vm_flags & 8; }
        struct address_space {
            i_pages: xarray of struct page;
            i_mmap: tree of struct vm_area_struct by shared.rb;
        }
        struct inode {
            i_mapping;
            i_sb;
            switch i_mode & 0xf000 {
                case 0x1000: i_pipe;
                case 0x2000: i_cdev;
                else: i_link: string max 4096;
            }
        }
        struct super_block { s_inodes: list of struct inode by i_sb_list; }
        struct pipe_inode_info { bufs: array ring_size; }
        struct dentry { d_parent: as up; }
        view up of struct dentry { d_parent: as up; d_name; }
        struct qstr { name: string max len + 1; }
        struct file {
            f_inode; f_path;
            private_data: switch f_op {
                case global pipefifo_fops: as struct pipe_inode_info;
                else: skip;
            }
        }
        struct path { dentry; }";
    for (kernel, btf) in kernels() {
        let found = views(&good(TEXT, &kernel, &btf));
        for name in ["struct maple_node", "struct xa_node", "struct idr"] {
            assert!(
                found.iter().any(|view| view == name),
                "{}: {name} in {found:?}",
                kernel.display()
            );
        }
    }
}

#[test]
fn shipped_recipes_compile_for_every_kernel_at_hand() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
    let mut texts = 0;
    let kernels = kernels_at_hand();
    for entry in std::fs::read_dir(directory).expect("recipes").flatten() {
        let text = std::fs::read_to_string(entry.path()).expect("a recipe");
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == "knowledge.kflat" {
            continue;
        }
        texts += 1;
        for (kernel, btf) in &kernels {
            let compiled = compile(&text, &name, btf)
                .unwrap_or_else(|error| panic!("{}: {error}", kernel.display()));
            kflat_engine::verify(&compiled.program).expect("passes");
        }
    }
    assert!(texts >= 3);
}

#[test]
fn recipes_for_functions_of_every_kernel_at_hand_compile() {
    let names = [
        "vfs_read",
        "tcp_sendmsg",
        "do_filp_open",
        "wake_up_new_task",
        "blk_mq_submit_bio",
        "do_sys_openat2",
        "__x64_sys_execve",
        "vfs_write",
        "tty_ioctl",
        "process_one_work",
        "call_timer_fn",
        "process_timeout",
        "it_real_fn",
        "ext4_file_read_iter",
        "usb_submit_urb",
    ];
    for (kernel, btf) in kernels_at_hand() {
        for name in names {
            if btf.find(NamedKind::Function, name).is_none() {
                continue;
            }
            let text = generate(name, &btf).expect("a recipe");
            let compiled = compile(&text, name, &btf)
                .unwrap_or_else(|error| panic!("{}: {text}\n{error}", kernel.display()));
            kflat_engine::verify(&compiled.program).expect("passes");
        }
    }
}

#[test]
fn the_arguments_of_system_calls_are_in_their_registers() {
    let calls: [(&str, &[(&str, &str)]); 4] = [
        (
            "__x64_sys_execve",
            &[
                ("const char *", "filename"),
                ("const char *const *", "argv"),
            ],
        ),
        (
            "__x64_sys_write",
            &[
                ("unsigned int", "fd"),
                ("const char *", "buf"),
                ("size_t", "count"),
            ],
        ),
        (
            "__x64_sys_connect",
            &[
                ("int", "fd"),
                ("struct sockaddr *", "uservaddr"),
                ("int", "addrlen"),
            ],
        ),
        (
            "__x64_sys_accept",
            &[
                ("int", "fd"),
                ("struct no_such *", "address"),
                ("int *", "length"),
            ],
        ),
    ];
    let expected = [
        vec!["filename", "argv"],
        vec!["buf"],
        vec!["uservaddr"],
        vec!["length"],
    ];
    for (kernel, btf) in kernels() {
        for ((function, arguments), expected) in calls.iter().zip(&expected) {
            let arguments = arguments.iter().map(|(of, name)| CallArgument {
                of: (*of).to_owned(),
                name: (*name).to_owned(),
            });
            let options = AutoOptions {
                system_call: arguments.collect(),
                ..AutoOptions::default()
            };
            let text = generate_with(function, &btf, &options).expect("a recipe");
            let compiled = good(&text, &kernel, &btf);
            let program = Program::find(&compiled.program).expect("a program");
            let roots = (0..).map_while(|index| program.root_at(index));
            let names: Vec<&str> = roots
                .filter_map(|root| program.string_at(root.name))
                .collect();
            // The first root is the registers themselves.
            assert_eq!(&names[1..], expected, "{text}");
        }
    }
}

#[test]
fn globals_are_followed_by_what_is_known_of_them() {
    for (kernel, btf) in kernels() {
        let with = |symbol: &str| {
            let options = AutoOptions {
                globals: vec![(symbol.to_owned(), None)],
                ..AutoOptions::default()
            };
            generate_with("vfs_read", &btf, &options)
        };
        for (symbol, how) in [
            ("init_task", "as struct task_struct"),
            ("modules", "list of struct module by list"),
            ("runqueues", "per cpu as struct rq"),
        ] {
            let text = with(symbol).expect("a recipe");
            assert!(text.contains(&format!("global {symbol}: {how};")), "{text}");
            good(&text, &kernel, &btf);
        }
        let error = with("init_tsk").expect_err("unknown").to_string();
        assert!(error.contains("`init_task`"), "{error}");
    }
}

/// Every fenced example of the manuals that begins like a recipe.
#[test]
fn examples_of_the_manuals_compile_where_there_is_a_kernel() {
    let doc = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../doc");
    let texts = ["recipes.md", "walkthrough.md", "../README.md"]
        .map(|name| std::fs::read_to_string(doc.join(name)).expect("a manual"));
    let examples: Vec<&str> = (texts.iter())
        .flat_map(|text| text.split("```kflat").skip(1))
        .filter_map(|rest| rest.split("```").next())
        // The rest of the first line may be a file's name.
        .filter_map(|block| Some(block.split_once('\n')?.1))
        .collect();
    assert!(examples.len() >= 5);
    for (kernel, btf) in kernels_at_hand() {
        for example in &examples {
            let compiled = compile(example, "example", &btf)
                .unwrap_or_else(|error| panic!("{}: {error}", kernel.display()));
            kflat_engine::verify(&compiled.program).expect("passes");
        }
    }
}

#[test]
fn the_message_of_the_manual_is_what_is_said() {
    let doc = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../doc/recipes.md");
    let manual = std::fs::read_to_string(doc).expect("a manual");
    let (_, messages) = manual.split_once("### Messages").expect("a section");
    let shown = messages.split("```").nth(1).expect("a message").trim();
    const TEXT: &str = "recipe vfs_read { file; }\nstruct file { f_inod; }\n";
    for (kernel, btf) in kernels() {
        let error = compile(TEXT, "my.kflat", &btf).expect_err("a mistake");
        assert_eq!(error.to_string().trim(), shown, "{}", kernel.display());
    }
}
