//! The header says what the library has: names, arguments, numbers, members.

use std::mem::offset_of;

use unflatten::{Header, Object, Status};

const HEADER: &str = include_str!("../../../../include/unflatten.h");

const EXPORTS: &[&str] = &[
    include_str!("../../src/exports/images.rs"),
    include_str!("../../src/exports/objects.rs"),
    include_str!("../../src/exports/roots.rs"),
    include_str!("../../src/exports/status.rs"),
];

/// What a type of the exports is in C.
const TYPES: &[(&str, &str)] = &[
    ("", "void"),
    ("Handle", "CUnflatten"),
    ("HeaderHandle", "CUnflattenHeader"),
    ("Resolver", "get_function_address_t"),
    ("Status", "UnflattenStatus"),
    ("*const c_char", "const char *"),
    ("*const c_void", "const void *"),
    ("*mut FILE", "FILE *"),
    ("*mut Object", "struct unflatten_object *"),
    ("*mut c_void", "void *"),
    ("*mut u64", "uint64_t *"),
    ("*mut usize", "size_t *"),
    ("c_int", "int"),
    ("c_ulong", "unsigned long"),
    ("ssize_t", "ssize_t"),
    ("u64", "uint64_t"),
    ("usize", "size_t"),
];

/// The header without comments and preprocessor, one declaration after the other.
fn declarations() -> Vec<String> {
    let mut text = String::new();
    let mut rest = HEADER;
    while let Some((before, comment)) = rest.split_once("/*") {
        text.push_str(before);
        rest = comment.split_once("*/").unwrap().1;
    }
    text.push_str(rest);
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let text = lines.join(" ").replace("extern \"C\" {", "");
    text.split(';')
        .map(|declaration| declaration.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

/// Name, result and the types of the arguments, all in C's words.
type Signature = (String, String, Vec<String>);

fn in_c(rust: &str) -> String {
    let found = TYPES.iter().find(|(name, _)| *name == rust);
    found
        .unwrap_or_else(|| panic!("what is {rust} in C?"))
        .1
        .to_owned()
}

fn exported() -> Vec<Signature> {
    let mut all = Vec::new();
    for part in EXPORTS
        .iter()
        .flat_map(|source| source.split("#[unsafe(no_mangle)]").skip(1))
    {
        let (_, part) = part.split_once("extern \"C\" fn ").unwrap();
        let (name, part) = part.split_once('(').unwrap();
        let (arguments, part) = part.split_once(')').unwrap();
        let (result, _) = part.split_once('{').unwrap();
        let types = (arguments.split(','))
            .filter_map(|argument| argument.trim().split_once(": "))
            .map(|(_, rust)| in_c(rust));
        let result = in_c(result.trim().trim_start_matches("-> "));
        all.push((name.to_owned(), result, types.collect()));
    }
    all.sort();
    all
}

/// `const char *name`: type and name.
fn split(declarator: &str) -> (String, String) {
    let at = declarator.rfind([' ', '*']).unwrap() + 1;
    let (kind, name) = declarator.split_at(at);
    (kind.trim().to_owned(), name.to_owned())
}

fn declared() -> Vec<Signature> {
    let mut all = Vec::new();
    for declaration in declarations() {
        let Some((start, arguments)) = declaration.split_once('(') else {
            continue;
        };
        if start.starts_with("typedef") {
            continue;
        }
        let (result, name) = split(start);
        let arguments = arguments.trim_end_matches(')').split(", ");
        let mut types: Vec<String> = arguments.map(|argument| split(argument).0).collect();
        // Both are usize.
        for one in types.iter_mut().filter(|one| *one == "uintptr_t") {
            "size_t".clone_into(one);
        }
        if name == "unflatten_explain_status" {
            // Any number may come from C.
            assert_eq!(types, ["UnflattenStatus"]);
            types = vec!["int".to_owned()];
        }
        all.push((name, result, types));
    }
    all.sort();
    all
}

#[test]
fn functions_are_declared_as_they_are_exported() {
    let exported = exported();
    assert_eq!(declared(), exported);
    assert!(exported.len() >= 27, "{}", exported.len());
}

#[test]
fn numbers_of_statuses_are_the_same() {
    let declarations = declarations();
    let body = (declarations.iter())
        .find_map(|declaration| declaration.strip_prefix("typedef enum {"))
        .or_else(|| {
            let found = declarations
                .iter()
                .find(|text| text.contains("typedef enum {"))?;
            found.split_once("typedef enum {").map(|(_, body)| body)
        });
    let body = body.unwrap().split_once('}').unwrap().0;
    let names: Vec<&str> = body.split(',').map(str::trim).collect();
    assert_eq!(names[0], "UNFLATTEN_OK = 0");
    let last = names.len() - 1;
    assert_eq!(
        (names[last], last),
        ("UNFLATTEN_STATUS_MAX", Status::ALL.len())
    );
    for (name, status) in names.iter().zip(Status::ALL) {
        let mut expected = "UNFLATTEN".to_owned();
        for letter in format!("{status:?}").chars() {
            if letter.is_uppercase() {
                expected.push('_');
            }
            expected.push(letter.to_ascii_uppercase());
        }
        assert_eq!(name.split(' ').next(), Some(expected.as_str()));
    }
}

/// Bytes of a type in C.
fn size_in_c(kind: &str) -> usize {
    match kind {
        "uint32_t" => 4,
        "uint64_t" | "size_t" => 8,
        pointer if pointer.ends_with('*') => 8,
        other => panic!("how large is {other}?"),
    }
}

/// Name and offset of each member of a structure of the header, and its size.
fn members(structure: &str) -> (Vec<(String, usize)>, usize) {
    let begin = format!("struct {structure} {{");
    let declarations = declarations();
    let mut found = Vec::new();
    let mut end = 0;
    let mut inside = false;
    for declaration in &declarations {
        let member = match declaration.split_once(&begin) {
            Some((_, first)) => {
                inside = true;
                first.trim()
            }
            None => declaration.as_str(),
        };
        if inside && member == "}" {
            break;
        }
        if inside {
            let (kind, name) = split(member);
            found.push((name, end));
            end += size_in_c(&kind);
        }
    }
    (found, end)
}

macro_rules! offsets {
    ($structure:ty: $($member:ident),*) => {
        vec![$((stringify!($member).to_owned(), offset_of!($structure, $member))),*]
    };
}

#[test]
fn structures_have_the_same_members() {
    let object = offsets!(Object: pointer, size, count, type_name, address);
    assert_eq!(members("unflatten_object"), (object, size_of::<Object>()));
    let header = offsets!(
        Header: magic, version, reserved, last_load_addr, last_mem_addr, image_size,
        memory_size, ptr_count, fptr_count, root_addr_count, root_addr_extended_count,
        root_addr_extended_size, fptrmapsz, mcount
    );
    assert_eq!(
        members("unflatten_image_header"),
        (header, size_of::<Header>())
    );
    assert_eq!(size_of::<Header>(), 104);
}

#[test]
fn the_poison_is_the_same() {
    let poison = format!("UINT64_C({:#018x})", kflat_image::load::POISON);
    assert!(HEADER.contains(&format!("#define UNFLATTEN_POISON {poison}")));
}
