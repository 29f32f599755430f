//! The recipe compiler, over made-up types or types that are hostile too.

use std::sync::LazyLock;

use kflat_btf::{Assembler, Btf, NamedKind, TypeId};
use kflat_recipe::{compile_all, explain, fmt, generate, module_of};

/// What the compiler is told the text is called: beside nothing to include.
const NAME: &str = "/nowhere/recipe";

/// Compiles, formats and explains a text. BTF may follow it behind a NUL.
///
/// # Panics
/// If a program is not what the verifier passes, what was formatted would be
/// formatted differently, or what was generated does not compile.
pub fn recipe(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == 0);
    let (text, types) = match end {
        Some(end) => (data.get(..end), data.get(end + 1..)),
        None => (Some(data), None),
    };
    let Some(text) = text.and_then(|text| str::from_utf8(text).ok()) else {
        return;
    };
    let own = types.map(Btf::parse);
    let btf = match &own {
        Some(Ok(btf)) => btf,
        Some(Err(_)) => return,
        None => &MADE_UP,
    };
    match compile_all(text, NAME, btf) {
        Ok(all) => {
            for compiled in all {
                let verified = kflat_engine::verify(&compiled.program);
                assert!(verified.is_ok(), "{:?}", verified.err());
                Btf::parse(&compiled.types).expect("the types that go with it");
            }
        }
        Err(problems) => {
            let _ = problems.render(false);
        }
    }
    let _ = explain(text, NAME, btf);
    let _ = module_of(text, NAME);
    if let Ok(once) = fmt(text, NAME) {
        assert_eq!(fmt(&once, NAME).ok().as_ref(), Some(&once));
    }
    if own.is_some() {
        for (_, function) in btf.named(NamedKind::Function).take(2) {
            if let Ok(text) = generate(function, btf) {
                let compiled = compile_all(&text, NAME, btf);
                assert!(compiled.is_ok(), "{text}\n{:?}", compiled.err());
            }
        }
    }
}

static MADE_UP: LazyLock<Btf> =
    LazyLock::new(|| Btf::parse(&made_up()).expect("the assembler writes BTF"));

/// Types that the texts of the corpus speak of: all shapes that a rule knows.
#[must_use]
pub fn made_up() -> Vec<u8> {
    let mut a = Assembler::default();
    let int = a.int("int", 4, true);
    let byte = a.int("unsigned char", 1, false);
    let char_ = a.int("char", 1, true);
    let long = a.int("unsigned long", 8, false);
    let text = a.pointer(char_);
    let void = a.pointer(TypeId::VOID);
    let kinds = a.enumeration("kinds", &[("PLAIN", 0), ("FANCY", 7)]);
    let bits = a.bit_structure("bits", 4, &[("low", int, 0, 3), ("high", int, 3, 5)]);
    let list = a.next_id();
    let link = TypeId(list.0 + 1);
    a.structure("list_head", 16, &[("next", link, 0), ("prev", link, 8)]);
    a.pointer(list);
    let rb = a.next_id();
    let rb_link = TypeId(rb.0 + 1);
    a.structure(
        "rb_node",
        24,
        &[
            ("__rb_parent_color", long, 0),
            ("rb_right", rb_link, 8),
            ("rb_left", rb_link, 16),
        ],
    );
    a.pointer(rb);
    let tree = a.structure("rb_root", 8, &[("rb_node", rb_link, 0)]);
    let callback = a.prototype(int, &[("", int)]);
    let callback = a.pointer(callback);
    let texts = a.array(text, 2);
    let data = a.array(byte, 0);
    let either = a.union("", 8, &[("plain", text), ("number", long)]);
    let thing = a.next_id();
    let to_thing = TypeId(thing.0 + 1);
    let to_things = TypeId(thing.0 + 2);
    a.structure(
        "thing",
        136,
        &[
            ("kind", kinds, 0),
            ("count", int, 4),
            ("next", to_thing, 8),
            ("any", void, 16),
            ("link", list, 24),
            ("head", list, 40),
            ("node", rb, 56),
            ("tree", tree, 80),
            ("names", texts, 88),
            ("things", to_things, 104),
            ("bits", bits, 112),
            ("", either, 120),
            ("call", callback, 128),
            ("data", data, 136),
        ],
    );
    a.pointer(thing);
    a.pointer(to_thing);
    a.function(
        "probe",
        to_thing,
        &[
            ("thing", to_thing),
            ("n", long),
            ("buf", void),
            ("title", text),
        ],
    );
    a.finish()
}
