//! Phase 1: follow the program from its roots and copy what it leads to.

use kflat_abi::extension as abi;
use kflat_abi::program::{
    Action, Limits, MAX_NESTING, NONE, OP_EMBED, OP_FUNCTION, OP_LIST, OP_POINTER, OP_STRING,
    OPERAND_ARGUMENT, OPERAND_CONSTANT, Operand, Program, ROOT_ARGUMENT, ROOT_GLOBAL, Root, Type,
};

use crate::diagnostics::{Place, note, stop};
use crate::environment::{Clock, Event, Memory, Trace};
use crate::verify::Verified;
use crate::word;
use crate::work::{Mark, Object, Work};

/// Nanoseconds of copying, where the program sets no limit.
pub const DEFAULT_TIME_NS: u64 = 1_000_000_000;
/// Elements of an array or list, where the program sets no limit.
pub const DEFAULT_ELEMENTS: u32 = 1 << 24;
/// Bytes of a string, where the program sets no limit (`PATH_MAX`).
pub const DEFAULT_STRING: u32 = 4096;

/// Steps between two looks at the clock.
const STEPS_PER_LOOK: u32 = 64;

/// What the roots and counts of a program begin with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Inputs<'a> {
    /// The probed function's arguments; missing ones read as 0.
    pub arguments: &'a [u64],
    /// Address of the current `task_struct`.
    pub current: u64,
    /// Addresses of the program's globals, by index; 0: no such symbol.
    pub globals: &'a [u64],
}

/// How a capture ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// 0, or what ended or thinned it, one of `abi::extension::REASON_*`.
    pub reason: u32,
    /// Objects captured.
    pub objects: u32,
    /// Bytes of these objects.
    pub bytes: u64,
}

/// Captures what `program` asks for into the region `work`, from which
/// [`write`](crate::write()) makes the image later.
///
/// Runs in any context: it takes no lock, allocates nothing and needs less than
/// 2 KiB of stack. `None`: `work` has fewer words than
/// [`required_words`](crate::required_words) says.
pub fn capture<M: Memory, C: Clock, T: Trace>(
    program: &Verified<'_>,
    work: &mut [u64],
    inputs: &Inputs<'_>,
    memory: &mut M,
    clock: &C,
    trace: &mut T,
) -> Option<Outcome> {
    let program = program.program();
    let (_, _, roots) = program.counts();
    let limits = effective(program.header().limits);
    let mut capture = Capture {
        work: Work::begin(work, roots)?,
        program,
        inputs,
        memory,
        clock,
        trace,
        limits,
        deadline: clock.now_ns().saturating_add(limits.time_ns),
        steps: 0,
    };
    for index in 0..roots {
        capture.root(index);
    }
    let mut cursor = 0;
    while cursor < capture.work.state.objects && !capture.work.state.stopped {
        capture.object(cursor);
        cursor += 1;
    }
    capture.work.save();
    let state = &capture.work.state;
    Some(Outcome {
        reason: state.reason,
        objects: state.objects,
        bytes: state.bytes,
    })
}

fn effective(limits: Limits) -> Limits {
    fn or<N: PartialEq + Default>(limit: N, default: N) -> N {
        if limit == N::default() {
            default
        } else {
            limit
        }
    }
    Limits {
        bytes: or(limits.bytes, u64::MAX),
        time_ns: or(limits.time_ns, DEFAULT_TIME_NS),
        objects: or(limits.objects, u32::MAX),
        depth: or(limits.depth, u32::MAX),
        elements: or(limits.elements, DEFAULT_ELEMENTS),
        string: or(limits.string, DEFAULT_STRING),
        reserved: 0,
    }
}

/// A capture under way.
pub(crate) struct Capture<'c, 'w, 'p, M, C, T> {
    pub(crate) work: Work<'w>,
    pub(crate) program: &'c Program<'p>,
    inputs: &'c Inputs<'c>,
    pub(crate) memory: &'c mut M,
    clock: &'c C,
    pub(crate) trace: &'c mut T,
    pub(crate) limits: Limits,
    deadline: u64,
    steps: u32,
}

/// The object whose actions are carried out, and where in it.
#[derive(Clone, Copy)]
pub(crate) struct Current {
    /// Its record.
    pub(crate) object: Object,
    /// Its index.
    pub(crate) index: u32,
    /// Its words.
    pub(crate) words: u64,
}

/// Elements of a type whose actions are carried out in turn.
#[derive(Clone, Copy, Default)]
struct Frame {
    next: u32,
    first: u32,
    end: u32,
    /// Bytes from the object's start to the element.
    base: u64,
    /// Bytes of an element.
    size: u32,
    /// Elements that are not done.
    left: u32,
}

impl<M: Memory, C: Clock, T: Trace> Capture<'_, '_, '_, M, C, T> {
    fn root(&mut self, index: u32) {
        let Some(root) = self.program.root_at(index) else {
            return;
        };
        let Some(action) = self.program.action_at(root.action) else {
            return;
        };
        let place = Place {
            object: abi::NO_OBJECT,
            via: index,
            element: 0,
        };
        let word = self.root_word(root);
        if T::ENABLED {
            self.trace.event(Event::Root { index, word });
        }
        if word == 0 {
            if root.source == ROOT_GLOBAL {
                note(
                    &mut self.work,
                    self.trace,
                    place,
                    abi::REASON_NO_GLOBAL,
                    0,
                    0,
                );
            }
            return;
        }
        let link = match action.op {
            OP_STRING => self.string(place, &action, word, None, 1),
            _ => self.pointer(place, &action, word, None, 1),
        };
        if let Some(link) = link {
            self.work.set_root(index, link.pack());
        }
    }

    fn root_word(&self, root: Root) -> u64 {
        match root.source {
            ROOT_ARGUMENT => self.argument(root.value),
            ROOT_GLOBAL => {
                let globals = self.inputs.globals;
                globals.get(root.value as usize).copied().unwrap_or(0)
            }
            _ => self.inputs.current,
        }
    }

    fn argument(&self, position: u32) -> u64 {
        let arguments = self.inputs.arguments;
        arguments.get(position as usize).copied().unwrap_or(0)
    }

    /// Carries out the actions of object `index`.
    fn object(&mut self, index: u32) {
        let Some(object) = self.work.object(index) else {
            return;
        };
        let Some(view) = self.program.type_at(object.type_index) else {
            return;
        };
        if view.action_count == 0 || object.count == 0 {
            return;
        }
        let length = u64::from(view.size) * u64::from(object.count);
        let current = Current {
            object,
            index,
            words: word::words_for(object.address, length),
        };
        let mut frames = [Frame::default(); MAX_NESTING];
        let mut depth = 0usize;
        let frame = |view: Type, base, left| Frame {
            next: view.first_action,
            first: view.first_action,
            end: view.first_action.wrapping_add(view.action_count),
            base,
            size: view.size,
            left,
        };
        if let Some(outermost) = frames.first_mut() {
            *outermost = frame(view, 0, object.count);
        }
        while let Some(top) = frames.get_mut(depth) {
            if top.next == top.end {
                top.left = top.left.saturating_sub(1);
                if top.left > 0 {
                    top.next = top.first;
                    top.base += u64::from(top.size);
                    if !self.step() {
                        return;
                    }
                } else if let Some(up) = depth.checked_sub(1) {
                    depth = up;
                } else {
                    return;
                }
                continue;
            }
            let (via, base) = (top.next, top.base);
            top.next = via.wrapping_add(1);
            let Some(action) = self.program.action_at(via) else {
                return;
            };
            let place = Place {
                object: index,
                via,
                element: object
                    .count
                    .wrapping_sub(frames.first().map_or(0, |f| f.left)),
            };
            let at = base + u64::from(action.offset);
            if action.op == OP_EMBED {
                let Some(inner) = self.program.type_at(action.target) else {
                    return;
                };
                let room = length.saturating_sub(at).checked_div(u64::from(inner.size));
                let wanted = self.operand(action.count, Some((&current, base)));
                let count = wanted.min(room.unwrap_or(0));
                if count < wanted {
                    note(
                        &mut self.work,
                        self.trace,
                        place,
                        abi::REASON_OVERFLOW,
                        object.address.wrapping_add(at),
                        wanted,
                    );
                }
                if count > 0 && inner.action_count > 0 {
                    depth += 1;
                    if let Some(top) = frames.get_mut(depth) {
                        *top = frame(inner, at, count as u32);
                    }
                }
            } else {
                self.member(&current, place, &action, base, at);
                if self.work.state.stopped {
                    return;
                }
            }
        }
    }

    /// Carries out an action on the word at byte `at` of an object.
    #[inline]
    fn member(&mut self, current: &Current, place: Place, action: &Action, base: u64, at: u64) {
        let address = current.object.address.wrapping_add(at);
        if !address.is_multiple_of(8) {
            note(
                &mut self.work,
                self.trace,
                place,
                abi::REASON_UNALIGNED,
                address,
                0,
            );
            return;
        }
        if action.op == OP_LIST {
            self.list(current, place, action, at);
            return;
        }
        let value = self.word_of(current, at);
        if value & !u64::from(action.tag_mask) == 0 {
            return;
        }
        let within = Some((current, base));
        let depth = current.object.depth().saturating_add(1);
        let link = match action.op {
            OP_POINTER => self.pointer(place, action, value, within, depth),
            OP_STRING => self.string(place, action, value, within, depth),
            OP_FUNCTION => {
                self.mark(current, at, Mark::Function);
                None
            }
            _ => None,
        };
        if let Some(link) = link {
            self.set_link(current, at, link);
        }
    }

    /// A number that is known now: for a member, of the element at byte `base`.
    #[inline]
    pub(crate) fn operand(&self, operand: Operand, within: Option<(&Current, u64)>) -> u64 {
        match (operand.kind, within) {
            (OPERAND_CONSTANT, _) => u64::from(operand.value),
            (OPERAND_ARGUMENT, _) => self.argument(operand.value),
            (_, Some((current, base))) => {
                let words = self.work.words.get(current.object.position as usize..);
                let position = current.object.address % 8 + base + u64::from(operand.value);
                let signed = operand.signed != 0;
                let number = word::number_at(words.unwrap_or(&[]), position, operand.width, signed);
                if signed && (number as i64) < 0 {
                    0
                } else {
                    number
                }
            }
            (_, None) => 0,
        }
    }

    /// Looks at the clock now and then. False: the capture ends.
    #[inline]
    pub(crate) fn step(&mut self) -> bool {
        self.steps = self.steps.wrapping_add(1);
        !self.steps.is_multiple_of(STEPS_PER_LOOK) || self.look_at_clock()
    }

    /// False: the time is over, or something else ended the capture.
    #[inline(never)]
    pub(crate) fn look_at_clock(&mut self) -> bool {
        if self.work.state.stopped {
            return false;
        }
        if self.clock.now_ns() < self.deadline {
            return true;
        }
        let nowhere = Place {
            object: abi::NO_OBJECT,
            via: NONE,
            element: 0,
        };
        let limit = self.limits.time_ns;
        stop(
            &mut self.work,
            self.trace,
            nowhere,
            abi::REASON_LIMIT_TIME,
            0,
            limit,
        );
        false
    }
}
