//! Gives each object its place in the image's memory: ranges that touch or
//! overlap become one fragment (image format, "Memory").

use kflat_abi::image::FRAGMENT_ALIGNMENT;
use kflat_abi::program::Program;

use crate::order::Order;
use crate::work::{MEMORY_LIMIT, Object, Work};

/// Goes through the objects in the order of their addresses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sweep {
    order: Order,
    next: u32,
    /// Address of the end of what was passed in this fragment.
    end: u64,
}

/// One object of a sweep.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) index: u32,
    pub(crate) object: Object,
    /// Its bytes.
    pub(crate) length: u64,
    /// A new fragment begins with it.
    pub(crate) begins: bool,
    /// How many of its first bytes belong to objects before it as well.
    pub(crate) covered: u64,
}

impl Sweep {
    pub(crate) fn new(order: Order) -> Self {
        Self {
            order,
            next: 0,
            end: 0,
        }
    }

    /// The next object.
    #[inline]
    pub(crate) fn step(&mut self, work: &Work<'_>, program: &Program<'_>) -> Option<Step> {
        if self.next >= self.order.count {
            return None;
        }
        let first = self.next == 0;
        let index = self.order.object(work, self.next);
        self.next += 1;
        let object = work.object(index)?;
        let length = object.length(program);
        let begins = first || object.address > self.end;
        let covered = if begins {
            0
        } else {
            (self.end - object.address).min(length)
        };
        let end = object.address.saturating_add(length);
        self.end = if begins { end } else { self.end.max(end) };
        Some(Step {
            index,
            object,
            length,
            begins,
            covered,
        })
    }
}

/// What the layout comes to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Layout {
    /// Bytes of the image's memory.
    pub(crate) memory: u64,
    /// Fragments.
    pub(crate) fragments: u64,
}

/// Gives every object its offset. `None`: more than [`MEMORY_LIMIT`].
pub(crate) fn lay_out(work: &mut Work<'_>, program: &Program<'_>, order: Order) -> Option<Layout> {
    let (types, ..) = program.counts();
    let uniform = (0..types)
        .filter_map(|index| program.type_at(index))
        .all(|view| u64::from(view.align) <= FRAGMENT_ALIGNMENT);
    let mut layout = Layout {
        memory: u64::from(work.state.before),
        fragments: 0,
    };
    let mut sweep = Sweep::new(order);
    // Address and offset of the fragment's first byte.
    let (mut address, mut offset) = (0, 0);
    loop {
        let ahead = sweep;
        let Some(step) = sweep.step(work, program) else {
            break;
        };
        if step.begins {
            let align = if uniform {
                FRAGMENT_ALIGNMENT
            } else {
                alignment(work, program, ahead)
            };
            let gap = step.object.address.wrapping_sub(layout.memory) & (align - 1);
            address = step.object.address;
            offset = layout.memory + gap;
            layout.fragments += 1;
        }
        let place = offset + (step.object.address - address);
        layout.memory = layout.memory.max(place + step.length);
        if layout.memory >= MEMORY_LIMIT {
            return None;
        }
        work.set_offset(step.index, place);
    }
    layout.memory += u64::from(work.state.behind);
    Some(layout)
}

/// What the fragment that comes next must be aligned to, relative to its
/// original address.
fn alignment(work: &Work<'_>, program: &Program<'_>, mut sweep: Sweep) -> u64 {
    let mut align = FRAGMENT_ALIGNMENT;
    let mut first = true;
    while let Some(step) = sweep.step(work, program) {
        if step.begins && !first {
            break;
        }
        first = false;
        let view = program.type_at(step.object.type_index);
        align = align.max(view.map_or(1, |view| u64::from(view.align)));
    }
    align
}
