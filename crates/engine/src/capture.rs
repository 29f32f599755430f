//! Phase 1: follow the program from its roots and copy what it leads to.

use kflat_abi::extension as abi;
use kflat_abi::program::{
    ACTION_KEEP, Action, Limits, NONE, OP_CHAIN, OP_CHOICE, OP_FUNCTION, OP_LIST, OP_PER_CPU,
    OP_POINTER, OP_STRING, OPERAND_UNTIL, PROGRAM_DETECT_CHANGES, Program, ROOT_ARGUMENT,
    ROOT_CURRENT, ROOT_EXPRESSION, ROOT_GLOBAL, Root, Type,
};

use crate::diagnostics::{Place, note, stop};
use crate::element::Element;
use crate::environment::{Clock, Event, Memory, Trace};
use crate::expression::Scope;
use crate::fixups::Fixups;
use crate::verify::Verified;
use crate::visited::{Hash, Visited};
use crate::work::{Link, Object, State, Work};

/// Nanoseconds of copying, where the program sets no limit.
pub const DEFAULT_TIME_NS: u64 = 1_000_000_000;
/// Elements of an array or list, where the program sets no limit.
pub const DEFAULT_ELEMENTS: u32 = 1 << 24;
/// Bytes of a string, where the program sets no limit (`PATH_MAX`).
pub const DEFAULT_STRING: u32 = 4096;

/// Steps between two looks at the clock.
pub(crate) const STEPS_PER_LOOK: u32 = 64;
/// Objects or elements by which memory is asked for ahead of its use.
pub(crate) const AHEAD: u32 = 12;

/// What the roots and expressions of a program begin with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Inputs<'a> {
    /// The probed function's arguments; missing ones read as 0.
    pub arguments: &'a [u64],
    /// What it returned; 0 if it has not.
    pub returned: u64,
    /// Address of the current `task_struct`.
    pub current: u64,
    /// Addresses of the program's globals, by index; 0: no such symbol.
    pub globals: &'a [u64],
    /// The number of this CPU.
    pub cpu: u32,
    /// What is added to a per-CPU address, by number of the CPU; all ones: there
    /// is no such CPU.
    pub per_cpu: &'a [u64],
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

/// Captures what `program` asks for into the regions `work` and `area`, of which
/// [`write`](crate::write()) makes the image later, with the same `state`. Neither
/// need be cleared.
///
/// Runs in any context: it takes no lock, allocates nothing and needs less than
/// 2 KiB of stack. `None`: `work` has fewer words than
/// [`required_words`](crate::required_words) says.
pub fn capture<M: Memory, C: Clock, T: Trace>(
    program: &Verified<'_>,
    (work, area, state): (&mut [u64], &mut [u64], &mut State),
    inputs: &Inputs<'_>,
    memory: &mut M,
    clock: &C,
    trace: &mut T,
) -> Option<Outcome> {
    let program = program.program();
    let (_, _, roots) = program.counts();
    let mut capture = Capture {
        work: Work::new(work, area, state)?,
        program,
        inputs,
        memory,
        clock,
        trace,
        deadline: 0,
        steps: 0,
    };
    capture.work.begin(program)?;
    set_limits(&mut capture.work.state.limits, program);
    let time = capture.work.state.limits.time_ns;
    capture.deadline = clock.now_ns().saturating_add(time);
    if capture.work.state.stopped {
        capture.out_of_memory(NOWHERE, 0);
    }
    for index in 0..roots {
        if !capture.work.state.stopped {
            capture.root(index);
        }
    }
    let mut cursor = 0;
    while cursor < capture.work.state.objects && !capture.work.state.stopped {
        let (next, rest) = capture.plain(cursor);
        cursor = next;
        if cursor >= capture.work.state.objects || capture.work.state.stopped {
            break;
        }
        if let Some(rest) = capture.object(cursor, rest) {
            if capture.enter_object(cursor, rest) {
                capture.frames(cursor);
            }
            if capture.enter_tail(cursor) {
                capture.frames(cursor);
            }
        }
        cursor += 1;
    }
    if program.flags() & PROGRAM_DETECT_CHANGES != 0 {
        capture.detect_changes();
    }
    let state = &capture.work.state;
    Some(Outcome {
        reason: state.reason,
        objects: state.objects,
        bytes: state.bytes,
    })
}

/// The place of what concerns no object.
const NOWHERE: Place = Place {
    object: abi::NO_OBJECT,
    via: NONE,
    element: 0,
};

#[inline(never)]
fn set_limits(into: &mut Limits, program: &Program<'_>) {
    fn or<N: PartialEq + Default>(limit: N, default: N) -> N {
        if limit == N::default() {
            default
        } else {
            limit
        }
    }
    let limits = program.limits();
    *into = Limits {
        bytes: or(limits.bytes, u64::MAX),
        time_ns: or(limits.time_ns, DEFAULT_TIME_NS),
        objects: or(limits.objects, u32::MAX),
        depth: or(limits.depth, u32::MAX),
        elements: or(limits.elements, DEFAULT_ELEMENTS),
        string: or(limits.string, DEFAULT_STRING),
        reserved: 0,
    };
}

/// Where the actions of an object were left off.
#[derive(Clone, Copy)]
pub(crate) struct Rest {
    /// The element.
    pub(crate) number: u32,
    /// The action.
    pub(crate) via: u32,
}

/// Whether [`Capture::object`] carries an operation out by itself.
#[inline]
fn is_plain(op: u8) -> bool {
    matches!(op, OP_POINTER | OP_STRING | OP_FUNCTION)
}

/// A capture under way.
pub(crate) struct Capture<'c, 'w, 'p, M, C, T> {
    pub(crate) work: Work<'w>,
    pub(crate) program: &'c Program<'p>,
    pub(crate) inputs: &'c Inputs<'c>,
    pub(crate) memory: &'c mut M,
    pub(crate) clock: &'c C,
    pub(crate) trace: &'c mut T,
    pub(crate) deadline: u64,
    pub(crate) steps: u32,
}

impl<M: Memory, C: Clock, T: Trace> Capture<'_, '_, '_, M, C, T> {
    #[inline(never)]
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
        let Some(word) = self.root_word(place, root) else {
            return;
        };
        if T::ENABLED {
            self.trace.event(Event::Root { index, word });
        }
        let scope = Scope {
            value: word,
            ..Scope::default()
        };
        if action.extra != NONE {
            let extra = self.program.extra_at(action.extra);
            let condition = extra.map_or(NONE, |extra| extra.condition);
            if !self.holds(place, condition, &scope) {
                return;
            }
        }
        if word == 0 {
            if root.source == ROOT_GLOBAL {
                self.note(place, abi::REASON_NO_GLOBAL, 0, 0);
            }
            return;
        }
        let link = match action.op {
            OP_STRING => self.string(place, &action, scope, 1),
            OP_PER_CPU => self.on_each_cpu(place, &action, scope, 1),
            _ if action.extra != NONE || action.count.kind == OPERAND_UNTIL => {
                self.decoded(place, &action, scope, 1)
            }
            _ => self.pointer(place, &action, scope, 1),
        };
        if let Some(link) = link {
            self.work.set_root(index, link.pack());
        }
    }

    fn root_word(&mut self, place: Place, root: Root) -> Option<u64> {
        Some(match root.source {
            ROOT_ARGUMENT => self.argument(root.value),
            ROOT_GLOBAL => self.global(root.value),
            ROOT_CURRENT => self.inputs.current,
            ROOT_EXPRESSION => self.compute(place, root.value, &Scope::default())?,
            _ => self.inputs.returned,
        })
    }

    pub(crate) fn argument(&self, position: u32) -> u64 {
        let arguments = self.inputs.arguments;
        arguments.get(position as usize).copied().unwrap_or(0)
    }

    pub(crate) fn global(&self, index: u32) -> u64 {
        let globals = self.inputs.globals;
        globals.get(index as usize).copied().unwrap_or(0)
    }

    /// Carries out the actions of object `index`, those before `done` being so already.
    /// `Some`: up to the action of the element that is told; it and what follows need
    /// [`frames`](Self::frames).
    #[inline(never)]
    fn object(&mut self, index: u32, done: Option<Rest>) -> Option<Rest> {
        let object = self.work.object(index)?;
        let view = self.program.type_at(object.type_index)?;
        if view.tail != NONE {
            return Some(Rest {
                number: 0,
                via: view.first_action,
            });
        }
        if view.action_count == 0 {
            return None;
        }
        let mut element = Element::first(object, index, view.parameters);
        let mut first = view.first_action;
        if let Some(done) = done {
            first = done.via;
            element.number = done.number;
            element.outermost = done.number;
            element.base = u64::from(view.size) * u64::from(done.number);
        }
        self.expect_next(&element, &view);
        if object.count > AHEAD && done.is_none() {
            let more = object.count.saturating_mul(view.action_count);
            // Where there is no memory for that, it may still be enough.
            let _ = Visited::expect(&mut self.work, self.program, more);
        }
        loop {
            if object.count > AHEAD {
                self.expect_element(&element, &view);
            }
            for via in first..view.first_action.wrapping_add(view.action_count) {
                let action = self.program.action_at(via)?;
                if !is_plain(action.op)
                    || action.extra != NONE
                    || action.count.kind == OPERAND_UNTIL
                {
                    return Some(Rest {
                        number: element.number,
                        via,
                    });
                }
                self.word(&element, via, &action, false);
                if self.work.state.stopped {
                    return None;
                }
            }
            first = view.first_action;
            element.number += 1;
            element.outermost += 1;
            element.base += u64::from(view.size);
            if element.number >= object.count || !self.step() {
                return None;
            }
        }
    }

    /// The action that is to be carried out in place of `action`: it itself, if its
    /// condition holds, or the one that it chooses.
    #[inline(never)]
    pub(crate) fn chosen(&mut self, element: &Element, mut via: u32) -> Option<u32> {
        let mut action = self.program.action_at(via)?;
        // A choice leads to an action that is none.
        for _ in 0..2 {
            if action.extra == NONE {
                break;
            }
            let extra = self.program.extra_at(action.extra)?;
            let at = element.base + u64::from(action.offset);
            let scope = Scope {
                element: Some(element),
                value: element.word(&self.work, at),
                ..Scope::default()
            };
            let place = self.place(element, via);
            if !self.holds(place, extra.condition, &scope) {
                return None;
            }
            if action.op != OP_CHOICE {
                break;
            }
            let selected = self.compute(place, extra.selector, &scope)?;
            let cases = extra.first_case..extra.first_case.wrapping_add(extra.case_count);
            let fitting = cases
                .filter_map(|index| self.program.case_at(index))
                .find(|case| case.value == selected || case.flags != 0)?;
            via = fitting.action;
            action = self.program.action_at(via)?;
        }
        Some(via)
    }

    #[inline]
    pub(crate) fn place(&self, element: &Element, via: u32) -> Place {
        Place {
            object: element.index,
            via,
            element: element.outermost,
        }
    }

    /// Carries out an action on the member of an element.
    #[inline(never)]
    pub(crate) fn member(&mut self, element: &Element, via: u32, action: &Action) {
        if is_plain(action.op) {
            let expressions = action.extra != NONE || action.count.kind == OPERAND_UNTIL;
            return self.word(element, via, action, expressions);
        }
        let at = element.base + u64::from(action.offset);
        let place = self.place(element, via);
        let address = element.object.address.wrapping_add(at);
        if !address.is_multiple_of(8) {
            self.note(place, abi::REASON_UNALIGNED, address, 0);
        } else if action.op == OP_PER_CPU {
            let scope = Scope {
                element: Some(element),
                value: element.word(&self.work, at),
                ..Scope::default()
            };
            let depth = element.object.depth.saturating_add(1);
            self.on_each_cpu(place, action, scope, depth);
        } else if (OP_LIST..=OP_CHAIN).contains(&action.op) {
            self.list(element, place, action, at);
        }
    }

    /// Carries out an action on a word that is a pointer, with or without expressions.
    #[inline]
    fn word(&mut self, element: &Element, via: u32, action: &Action, expressions: bool) {
        let at = element.base + u64::from(action.offset);
        let place = self.place(element, via);
        let address = element.object.address.wrapping_add(at);
        if !address.is_multiple_of(8) {
            self.note(place, abi::REASON_UNALIGNED, address, 0);
            return;
        }
        let value = element.word(&self.work, at);
        if value & !u64::from(action.tag_mask) == 0 && action.extra == NONE {
            return;
        }
        let scope = Scope {
            element: Some(element),
            value,
            ..Scope::default()
        };
        let depth = element.object.depth.saturating_add(1);
        let link = match action.op {
            OP_POINTER if expressions => self.decoded(place, action, scope, depth),
            OP_POINTER => self.pointer(place, action, scope, depth),
            OP_STRING => self.string(place, action, scope, depth),
            _ => {
                let word = element.word_at(at);
                if Fixups::function(&mut self.work, element.index, word).is_none() {
                    self.out_of_memory(place, address);
                }
                return;
            }
        };
        if let Some(link) = link
            && action.flags & ACTION_KEEP == 0
        {
            self.set_link(place, element.index, element.word_at(at), link);
        }
    }

    /// Word `word` of object `index` becomes a pointer.
    #[inline]
    pub(crate) fn set_link(&mut self, place: Place, index: u32, word: u32, link: Link) {
        if Fixups::pointer(&mut self.work, index, word, link).is_none() {
            self.out_of_memory(place, 0);
        }
    }

    /// Asks for what the object that comes some steps later leads to.
    #[inline]
    fn expect_next(&mut self, element: &Element, view: &Type) {
        let index = element.index.wrapping_add(AHEAD);
        let Some(object) = self.work.object(index) else {
            return;
        };
        if object.type_index == element.object.type_index && object.count == 1 {
            self.expect(object, 0, view);
        }
    }

    /// The same for the element that comes some steps later.
    #[inline]
    fn expect_element(&mut self, element: &Element, view: &Type) {
        if element.number.wrapping_add(AHEAD) < element.object.count {
            let base = element.base + u64::from(AHEAD) * u64::from(view.size);
            self.expect(element.object, base, view);
        }
    }

    fn expect(&mut self, object: Object, base: u64, view: &Type) {
        // What follows a few pointers is all that pays.
        for via in view.first_action..view.first_action.wrapping_add(view.action_count.min(4)) {
            let Some(action) = self.program.action_at(via) else {
                return;
            };
            if action.op != OP_POINTER && action.op != OP_STRING {
                continue;
            }
            let at = object.address % 8 + base + u64::from(action.offset);
            let word = (object.position as usize).wrapping_add((at / 8) as usize);
            let value = self.work.area.get(word).copied().unwrap_or(0);
            let address =
                (value & !u64::from(action.tag_mask)).wrapping_add_signed(i64::from(action.shift));
            if address != 0 {
                let size = self.program.type_at(action.target).map_or(1, |t| t.size);
                self.memory.expect(address, size.into());
                let visited = self.work.state.visited;
                let hash = Hash::plain(address, action.target);
                if let Some(word) = visited.first_word(self.work.words, hash) {
                    self.memory.expect_own(word);
                }
            }
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
        let limit = self.work.state.limits.time_ns;
        self.stop(NOWHERE, abi::REASON_LIMIT_TIME, 0, limit);
        false
    }

    /// Ends the capture: there is no room for what comes next.
    #[cold]
    #[inline(never)]
    pub(crate) fn out_of_memory(&mut self, place: Place, address: u64) {
        let state = &self.work.state;
        if state.refused > 0 || self.work.room() == 0 {
            let needed = self.work.needed_size();
            self.stop(place, abi::REASON_AREA_TOO_SMALL, address, needed);
        } else {
            let bytes = self.work.words.len() as u64 * 8;
            self.stop(place, abi::REASON_NO_MEMORY, address, bytes);
        }
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn note(&mut self, place: Place, reason: u32, address: u64, detail: u64) {
        note(&mut self.work, self.trace, place, reason, address, detail);
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn stop(&mut self, place: Place, reason: u32, address: u64, detail: u64) {
        stop(&mut self.work, self.trace, place, reason, address, detail);
    }
}
