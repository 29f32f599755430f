//! Trees as the kernel keeps them, of any contents: what the image holds, walked as
//! the kernel walks it, is what was put there.

mod maple;
mod red_black;
mod xarray;

use kflat_abi::program::Action;
use kflat_abi::program::code::Instruction;

use crate::simulation::kernel::Kernel;
use crate::simulation::program::step;

const HEAD: u64 = 0xffff_8880_0000_1000;
const ITEMS: u64 = 0xffff_8880_1000_0000;
const NODES: u64 = 0xffff_8880_2000_0000;

/// Gives out memory that does not touch, in no order.
struct Places {
    base: u64,
    size: u64,
    given: u64,
}

impl Places {
    fn new(base: u64, size: u64) -> Self {
        Self {
            base,
            size,
            given: 0,
        }
    }

    fn next(&mut self, kernel: &mut Kernel) -> u64 {
        self.given += 1;
        let at = self.base + 1024 * (self.given * 7919 % 4096);
        kernel.map(at, self.size as usize);
        at
    }
}

fn operation(code: u8) -> Instruction {
    step(code, 0)
}

/// An item of 16 bytes that holds its number.
fn item(kernel: &mut Kernel, items: &mut Places, number: u64) -> u64 {
    let at = items.next(kernel);
    kernel.put_word(at, number);
    at
}

fn shifted(action: Action, shift: i32, tag_mask: u16) -> Action {
    Action {
        shift,
        tag_mask,
        ..action
    }
}
