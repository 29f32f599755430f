//! Made-up types, shared by the tests.
#![allow(
    unreachable_pub,
    dead_code,
    reason = "each test is a crate of its own and needs some of them"
)]

use kflat_btf::{Assembler, Btf, TypeId};

/// Types with every shape that a rule speaks of.
pub fn types() -> Btf {
    Btf::parse(&encoded_types()).expect("well-formed")
}

pub fn encoded_types() -> Vec<u8> {
    let mut a = Assembler::default();
    let int = a.int("int", 4, true);
    let char_ = a.int("char", 1, true);
    let long = a.int("unsigned long", 8, false);
    let text = a.pointer(char_);
    let void = a.pointer(TypeId::VOID);
    let list = a.next_id();
    let link = TypeId(list.0 + 1);
    a.structure("list_head", 16, &[("next", link, 0), ("prev", link, 8)]);
    a.pointer(list);
    let callback = a.prototype(int, &[("", int)]);
    let callback = a.pointer(callback);
    let name = a.structure("qstr", 16, &[("len", int, 0), ("name", text, 8)]);
    let item = a.structure(
        "item",
        32,
        &[("id", int, 0), ("link", list, 8), ("text", text, 24)],
    );
    let items = a.pointer(item);
    let two = a.array(name, 2);
    let either = a.union("", 8, &[("number", long), ("other", items)]);
    let node = a.next_id();
    let node_pointer = TypeId(node.0 + 1);
    a.structure(
        "node",
        144,
        &[
            ("parent", node_pointer, 0),
            ("name", name, 8),
            ("count", int, 24),
            ("items", items, 32),
            ("private", void, 40),
            ("head", list, 48),
            ("call", callback, 64),
            ("names", two, 72),
            ("", either, 104),
            ("address", long, 112),
            ("inner", link, 120),
        ],
    );
    a.pointer(node);
    a.function(
        "visit",
        int,
        &[
            ("node", node_pointer),
            ("len", long),
            ("buf", void),
            ("title", text),
        ],
    );
    a.finish()
}

/// Types with containers, bit fields, an `enum` and a flexible array.
pub fn rich() -> Btf {
    Btf::parse(&encoded_rich()).expect("well-formed")
}

pub fn encoded_rich() -> Vec<u8> {
    let mut a = Assembler::default();
    let int = a.int("int", 4, true);
    let short = a.int("short int", 2, true);
    let byte = a.int("unsigned char", 1, false);
    let char_ = a.int("char", 1, true);
    let long = a.int("unsigned long", 8, false);
    let text = a.pointer(char_);
    let void = a.pointer(TypeId::VOID);
    let kinds = a.enumeration("kinds", &[("PLAIN", 0), ("FANCY", 7), ("BAD", -1)]);
    let bits = a.bit_structure("bits", 4, &[("low", int, 0, 3), ("high", int, 3, 5)]);
    let rb = a.next_id();
    let rb_pointer = TypeId(rb.0 + 1);
    a.structure(
        "rb_node",
        24,
        &[
            ("__rb_parent_color", long, 0),
            ("rb_right", rb_pointer, 8),
            ("rb_left", rb_pointer, 16),
        ],
    );
    a.pointer(rb);
    let root = a.structure("rb_root", 8, &[("rb_node", rb_pointer, 0)]);
    let cached = a.structure(
        "rb_root_cached",
        16,
        &[("rb_root", root, 0), ("rb_leftmost", rb_pointer, 8)],
    );
    let hlist = a.structure("hlist_node", 16, &[("next", void, 0), ("pprev", void, 8)]);
    let head = a.structure("hlist_head", 8, &[("first", void, 0)]);
    let heads = a.array(head, 2);
    let map = a.structure("xarray", 16, &[("xa_flags", int, 4), ("xa_head", void, 8)]);
    let map_pointer = a.pointer(map);
    let slots = a.array(void, 4);
    let node = a.next_id();
    let node_pointer = TypeId(node.0 + 1);
    a.structure(
        "xa_node",
        48,
        &[
            ("parent", node_pointer, 0),
            ("array", map_pointer, 8),
            ("slots", slots, 16),
        ],
    );
    a.pointer(node);
    let names = a.array(text, 2);
    let data = a.array(byte, 0);
    let either = a.union("", 8, &[("plain", text), ("fancy", void), ("number", long)]);
    let thing = a.next_id();
    let thing_pointer = TypeId(thing.0 + 1);
    let things = TypeId(thing.0 + 2);
    a.structure(
        "thing",
        160,
        &[
            ("kind", kinds, 0),
            ("small", short, 4),
            ("wide", long, 8),
            ("next", thing_pointer, 16),
            ("any", void, 24),
            ("node", rb, 32),
            ("hash", hlist, 56),
            ("tree", cached, 72),
            ("table", heads, 88),
            ("map", map, 104),
            ("names", names, 120),
            ("things", things, 136),
            ("bits", bits, 144),
            ("", either, 152),
            ("data", data, 160),
        ],
    );
    a.pointer(thing);
    a.pointer(thing_pointer);
    a.function(
        "probe",
        thing_pointer,
        &[
            ("thing", thing_pointer),
            ("fd", int),
            ("small", byte),
            ("n", long),
            ("buf", void),
        ],
    );
    a.finish()
}
