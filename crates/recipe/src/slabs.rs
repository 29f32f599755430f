//! How the kernel's slab allocator describes its objects, which only its private
//! headers and BTF tell.

use kflat_abi::program::Slabs;
use kflat_btf::{Btf, NamedKind, TypeId};

/// Offsets for the module; `None`: this kernel's BTF does not have them, or its
/// allocator is another one than SLUB.
#[must_use]
pub fn layout(btf: &Btf) -> Option<Slabs> {
    let cache = btf.find(NamedKind::Struct, "kmem_cache")?;
    // SLAB, which Linux 6.8 did away with, lays out its slabs in another way.
    btf.field(cache, "oo")?;
    // Before Linux 5.17 what describes a page described a slab.
    let slab = ["slab", "page"]
        .iter()
        .filter_map(|name| btf.find(NamedKind::Struct, name))
        .find(|id| btf.field(*id, "slab_cache").is_some())?;
    Some(Slabs {
        cache: offset(btf, slab, "slab_cache", 8)?,
        size: offset(btf, cache, "size", 4)?,
        object_size: offset(btf, cache, "object_size", 4)?,
        red_left_pad: offset(btf, cache, "red_left_pad", 4).unwrap_or(0),
    })
}

/// Where a member of `size` bytes is; none of these is the first one.
fn offset(btf: &Btf, of: TypeId, name: &str, size: u64) -> Option<u16> {
    let field = btf.field(of, name)?;
    let fits = btf.size(field.of) == Some(size);
    let offset = u16::try_from(field.offset()?).ok()?;
    (fits && offset > 0 && u64::from(offset).is_multiple_of(size)).then_some(offset)
}
