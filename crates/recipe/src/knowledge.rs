//! Whether all that `recipes/knowledge.kflat` says is true of some kernel.

use std::collections::BTreeSet;

use kflat_abi::program::{CASE_DEFAULT, NONE, Program};
use kflat_btf::Btf;

use crate::compile::compile;
use crate::diagnostics::Span;
use crate::include::KNOWLEDGE;
use crate::names::{find_field, find_type};
use crate::parser::parse;
use crate::syntax::{BaseName, File, How, MemberRule, TypeName};

/// Roots of one program: the limit is that of recipes.
const AT_A_TIME: usize = 60;

/// The tested kernels; none where `KFLAT_TEST_BTF` names no directory.
fn kernels() -> Vec<Btf> {
    let Some(directory) = std::env::var_os("KFLAT_TEST_BTF") else {
        return Vec::new();
    };
    let entries = std::fs::read_dir(directory).expect("a directory");
    let images = (entries.flatten().map(|entry| entry.path()))
        .filter(|path| path.to_string_lossy().contains("vmlinux"));
    images
        .map(|path| kflat_btf::kernel::from_file(&path).expect("BTF"))
        .collect()
}

/// A type or view, and what is said of it.
struct Said<'a> {
    /// As a root takes it: `struct file`, `all_pids`.
    root: String,
    of: &'a TypeName,
    members: &'a [MemberRule],
}

fn said(file: &File) -> Vec<Said<'_>> {
    let rules = file.rules.iter().map(|rule| Said {
        root: rule.of.value.to_string(),
        of: &rule.of.value,
        members: &rule.members,
    });
    let views = file.views.iter().map(|view| Said {
        root: view.name.value.clone(),
        of: &view.of.value,
        members: &view.members,
    });
    rules.chain(views).collect()
}

/// Names a rule apart from others for the same type.
fn name(said: &Said<'_>, member: &MemberRule) -> String {
    let line = KNOWLEDGE[..member.path.span.start].matches('\n').count() + 1;
    format!("{}.{} (line {line})", said.root, member.path.value)
}

/// The rules that a kernel follows something by.
fn alive(file: &File, btf: &Btf) -> BTreeSet<String> {
    let mut alive = BTreeSet::new();
    let known: Vec<Said<'_>> = (said(file).into_iter())
        .filter(|said| find_type(btf, said.of, Span::default()).is_ok())
        .collect();
    for some in known.chunks(AT_A_TIME) {
        let roots = some.iter().enumerate();
        let roots: String = roots
            .map(|(index, said)| format!("file as r{index}: as {}; ", said.root))
            .collect();
        let text = format!("include \"knowledge.kflat\"; recipe vfs_read {{ {roots} }}");
        let compiled = compile(&text, "t", btf).unwrap_or_else(|error| panic!("{error}"));
        let program = Program::find(&compiled.program).expect("a program");
        for (index, said) in (0..).zip(some) {
            let root = program.root_at(index).expect("a root");
            let target = program.action_at(root.action).expect("an action").target;
            let paths = paths(&program, target);
            let tail = program.type_at(target).filter(|of| of.tail != NONE);
            let tail = tail.map(|of| u64::from(of.tail_offset));
            for member in said.members {
                let path = &member.path.value;
                let id = find_type(btf, said.of, Span::default()).expect("found before");
                let field = find_field(btf, id, path, Span::default()).ok();
                let is_there = match member.treatment.how {
                    How::Skip => field.is_some(),
                    _ => {
                        let at = field.and_then(|field| field.offset());
                        (tail.is_some() && at == tail)
                            || paths.iter().any(|found| is_of(found, path))
                    }
                };
                if is_there {
                    alive.insert(name(said, member));
                }
            }
        }
    }
    alive
}

/// Whether an action at `found` is of a rule for `path`: a structure inside may be
/// told by its parts.
fn is_of(found: &str, path: &str) -> bool {
    let rest = found.strip_prefix(path);
    path.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The members that a type's actions are at, those of choices among them.
fn paths(program: &Program<'_>, target: u32) -> BTreeSet<String> {
    let of = program.type_at(target).expect("a type");
    let mut pending: Vec<u32> = (of.first_action..of.first_action + of.action_count).collect();
    let mut paths = BTreeSet::new();
    while let Some(index) = pending.pop() {
        let action = program.action_at(index).expect("an action");
        let path = program.string_at(action.path).expect("a path");
        paths.insert(path.to_owned());
        let extra = (action.extra != NONE).then(|| program.extra_at(action.extra).expect("it"));
        for case in extra
            .into_iter()
            .filter(|extra| extra.case_count > 0)
            .flat_map(|extra| extra.first_case..extra.first_case + extra.case_count)
        {
            let case = program.case_at(case).expect("a case");
            if case.action != NONE && case.flags & !CASE_DEFAULT == 0 {
                pending.push(case.action);
            }
        }
    }
    paths
}

#[test]
fn every_rule_is_followed_on_some_kernel() {
    let kernels = kernels();
    if kernels.is_empty() {
        return;
    }
    let file = parse(KNOWLEDGE, 0).expect("it parses");
    let mut dead: BTreeSet<String> = (said(&file).iter())
        .flat_map(|said| said.members.iter().map(|member| name(said, member)))
        .collect();
    assert!(dead.len() > 300);
    let mut lost: BTreeSet<String> = file
        .hubs
        .iter()
        .map(|hub| hub.of.value.to_string())
        .collect();
    for btf in &kernels {
        dead = &dead - &alive(&file, btf);
        lost.retain(|hub| {
            let (_, name) = hub.split_once(' ').expect("`struct NAME`");
            let base = BaseName::Struct(name.to_owned());
            let of = TypeName { base, pointers: 0 };
            find_type(btf, &of, Span::default()).is_err()
        });
    }
    assert!(dead.is_empty(), "no kernel follows anything by: {dead:#?}");
    assert!(lost.is_empty(), "no kernel has: {lost:?}");
}
