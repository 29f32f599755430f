//! The common case: objects whose every action follows a pointer to one object of a
//! type of fixed size, with nothing to compute. It does what [`Capture::object`] does,
//! for one object after the other, with the actions decoded once and the counters in
//! registers. Whatever is out of the ordinary is left to `object`: a word that leads to
//! something unreadable, a limit that is reached, memory that is full.

use kflat_abi::program::{Action, NONE, OP_POINTER, OPERAND_CONSTANT, Type};

use crate::capture::{Capture, Rest, STEPS_PER_LOOK};
use crate::environment::{Clock, Event, Memory, Trace};
use crate::fixups::Fixups;
use crate::layout::DEEPEST;
use crate::room;
use crate::visited::{Slot, Visited};
use crate::word::words_for;
use crate::work::{LARGE, Link, OBJECT_WORDS, State, records};

/// Most actions of a type that is handled here.
const MOST: usize = 4;

/// Objects or elements by which memory is asked for before their turn, and for how many
/// at once: each for itself would have the processor wait for the translation of one
/// address after the other, and too many would have it wait for room.
const AHEAD: u32 = 4;
const BATCH: u32 = 4;
/// The same for elements: they are small, and lead to less.
const ELEMENTS: u32 = 8;

/// An action that is plain.
#[derive(Clone, Copy, Default)]
struct Step {
    /// Word of the element.
    word: u32,
    via: u32,
    target: u32,
    /// Bytes of the target.
    size: u32,
}

impl Step {
    fn new(via: u32, action: &Action, target: &Type) -> Option<Self> {
        let plain = action.op == OP_POINTER
            && action.flags == 0
            && action.tag_mask == 0
            && action.shift == 0
            && action.extra == NONE
            && (action.count.kind, action.count.value) == (OPERAND_CONSTANT, 1)
            && action.offset.is_multiple_of(8)
            && target.tail == NONE
            && target.parameters == 0
            && target.align <= 8
            && u64::from(target.size) <= LARGE;
        plain.then_some(Self {
            word: action.offset / 8,
            via,
            target: action.target,
            size: target.size,
        })
    }
}

/// What changes with each object.
#[derive(Clone, Copy)]
struct Counters {
    objects: u32,
    stream_end: usize,
    around: usize,
    bytes: u64,
    fixup: usize,
    fixup_end: usize,
    fixups: u32,
    last: u64,
    visited: Visited,
    top: usize,
}

impl Counters {
    #[inline(always)]
    fn load(state: &State) -> Self {
        Self {
            objects: state.objects,
            stream_end: state.stream_end,
            around: state.around,
            bytes: state.bytes,
            fixup: state.fixups.at,
            fixup_end: state.fixups.end,
            fixups: state.fixups.count,
            last: state.fixups.last,
            visited: state.visited,
            top: state.top,
        }
    }

    #[inline(always)]
    fn store(&self, state: &mut State) {
        state.objects = self.objects;
        state.stream_end = self.stream_end;
        state.around = self.around;
        state.bytes = self.bytes;
        state.fixups.at = self.fixup;
        state.fixups.count = self.fixups;
        state.fixups.last = self.last;
    }
}

/// First word of the record of object `index`.
#[inline(always)]
fn record_at(words: &[u64], index: u32) -> usize {
    words
        .len()
        .wrapping_sub((index as usize).wrapping_add(1).wrapping_mul(OBJECT_WORDS))
}

#[inline(always)]
fn record(words: &[u64], index: u32) -> Option<[u64; OBJECT_WORDS]> {
    words.get(record_at(words, index)..)?.first_chunk().copied()
}

impl<M: Memory, C: Clock, T: Trace> Capture<'_, '_, '_, M, C, T> {
    /// Carries out the actions of the objects from `index` on, as long as they are of
    /// the type of the first and all is ordinary. The first object that is not, and the
    /// first of its actions that is to be carried out, if that is not simply its first.
    #[inline(never)]
    pub(crate) fn plain(&mut self, mut index: u32) -> (u32, Option<Rest>) {
        let (_, type_index) = self.work.identity(index);
        let mut steps = [Step::default(); MOST];
        let Some((count, size)) = self.steps_of(type_index, &mut steps) else {
            return (index, None);
        };
        let steps = steps.get(..count).unwrap_or(&[]);
        if steps.is_empty() {
            return (self.of_one_type(index, type_index), None);
        }
        let mut now = Counters::load(self.work.state);
        // The first object for which memory was not asked for.
        let mut expected = index;
        while index < now.objects {
            let Some([address, kind, _, place]) = record(self.work.words, index) else {
                break;
            };
            let elements = kind as u32;
            if (kind >> 32) as u32 != type_index
                || !address.is_multiple_of(8)
                || elements > 1 && !size.is_multiple_of(8)
            {
                break;
            }
            if elements == 1 && index >= expected {
                expected = self.expect_objects(&now, index, kind, steps);
            }
            if elements > ELEMENTS {
                now.store(self.work.state);
                let more = elements.saturating_mul(steps.len() as u32);
                // Where there is no memory for that, it may still be enough.
                let _ = Visited::expect(&mut self.work, self.program, more);
                now = Counters::load(self.work.state);
            }
            let depth = (place as u32).saturating_add(1);
            let mut at = (place >> 32) as usize;
            for number in 0..elements {
                if number % ELEMENTS == 0 && elements > 1 {
                    let first = number.saturating_add(ELEMENTS);
                    let batch = first..first.saturating_add(ELEMENTS).min(elements);
                    for other in batch {
                        let more = (other - number) as usize * (size / 8) as usize;
                        self.expect_words(now.visited, at.wrapping_add(more), steps);
                    }
                }
                for step in steps {
                    let word = at.wrapping_add(step.word as usize);
                    let value = self.work.area.get(word).copied().unwrap_or(0);
                    if value == 0 {
                        continue;
                    }
                    let offset = word.wrapping_sub((place >> 32) as usize) as u32;
                    let from = [index, offset, depth];
                    if self.follow(&mut now, step, value, from).is_none() {
                        now.store(self.work.state);
                        let via = step.via;
                        return (index, Some(Rest { number, via }));
                    }
                    if self.work.state.stopped {
                        now.store(self.work.state);
                        return (index, None);
                    }
                }
                at = at.wrapping_add((size / 8) as usize);
                if number + 1 < elements {
                    self.steps = self.steps.wrapping_add(1);
                    if self.steps.is_multiple_of(STEPS_PER_LOOK) {
                        now.store(self.work.state);
                        if !self.look_at_clock() {
                            return (index, None);
                        }
                    }
                }
            }
            index += 1;
        }
        now.store(self.work.state);
        (index, None)
    }

    /// The first object from `index` on that is not of a type.
    #[inline(never)]
    fn of_one_type(&self, index: u32, type_index: u32) -> u32 {
        let objects = self.work.state.objects;
        let rest = records(self.work.words, objects).skip(index as usize);
        let same = rest
            .take_while(|[_, kind, ..]| (*kind >> 32) as u32 == type_index)
            .count();
        index.saturating_add(same as u32)
    }

    /// How many actions a type has, and its size, if all of them are plain.
    #[inline(never)]
    fn steps_of(&self, type_index: u32, steps: &mut [Step; MOST]) -> Option<(usize, u32)> {
        let view = self.program.type_at(type_index)?;
        let count = view.action_count as usize;
        if view.tail != NONE || count > MOST {
            return None;
        }
        for (step, via) in steps.iter_mut().zip(view.first_action..).take(count) {
            let action = self.program.action_at(via)?;
            let target = self.program.type_at(action.target)?;
            *step = Step::new(via, &action, &target)?;
        }
        Some((count, view.size))
    }

    /// Makes word `offset` of object `index` a pointer to the object at `value`, which is
    /// `depth` pointers from a root. `None`: something is out of the ordinary, and
    /// nothing has happened.
    #[inline(always)]
    fn follow(
        &mut self,
        now: &mut Counters,
        step: &Step,
        value: u64,
        [index, offset, depth]: [u32; 3],
    ) -> Option<()> {
        if now.fixup == now.fixup_end {
            now.store(self.work.state);
            let grown = Fixups::grow(&mut self.work);
            *now = Counters::load(self.work.state);
            grown?;
        }
        let mut slot = self.find(now, step, value);
        let object = match slot.object {
            Some(object) => object,
            None => {
                if now.visited.is_full(now.objects.wrapping_add(1)) {
                    now.store(self.work.state);
                    let grown = Visited::grow(&mut self.work, self.program);
                    *now = Counters::load(self.work.state);
                    grown?;
                    slot = self.find(now, step, value);
                }
                self.copy_plain(now, step, value, slot, [index, depth])?
            }
        };
        // Room for its location was made with the object's own, or is now.
        let end = now.stream_end.wrapping_add(now.around);
        if end >= self.work.area.len() {
            return None;
        }
        let key = u64::from(index) << 32 | u64::from(offset);
        let link = Link { object, delta: 0 }.pack();
        let pair = self.work.words.get_mut(now.fixup..)?.first_chunk_mut()?;
        *pair = [key, link];
        now.last = if key <= now.last && now.fixups > 0 {
            u64::MAX
        } else {
            key
        };
        now.fixup += 2;
        now.fixups += 1;
        now.around += 1;
        Some(())
    }

    #[inline(always)]
    fn find(&self, now: &Counters, step: &Step, address: u64) -> Slot {
        let words = &*self.work.words;
        let wanted = (address, step.target);
        now.visited
            .find_plain(words, address, step.target, |object| {
                record(words, object)
                    .is_some_and(|[address, kind, ..]| (address, (kind >> 32) as u32) == wanted)
            })
    }

    /// A copy of the object at `address`.
    #[inline(always)]
    fn copy_plain(
        &mut self,
        now: &mut Counters,
        step: &Step,
        address: u64,
        slot: Slot,
        [parent, depth]: [u32; 2],
    ) -> Option<u32> {
        let length = u64::from(step.size);
        let limits = &self.work.state.limits;
        let words = words_for(address, length) as usize;
        let (position, end) = (now.stream_end, now.stream_end.wrapping_add(words));
        let records = (now.objects as usize)
            .wrapping_add(1)
            .wrapping_mul(OBJECT_WORDS);
        let ordinary = address.checked_add(length).is_some()
            && depth <= limits.depth
            && now.objects < limits.objects
            && now.objects < u32::MAX - 1
            && now.bytes.wrapping_add(length) <= limits.bytes
            && end.wrapping_add(now.around) + room::OBJECT <= self.work.area.len()
            && now.top.wrapping_add(records) <= self.work.words.len();
        if !ordinary {
            return None;
        }
        let copy = self.work.area.get_mut(position..end)?;
        if !(address | length).is_multiple_of(8) {
            // What of the last word is not copied is zero, and of the first.
            if let Some(last) = copy.last_mut() {
                *last = 0;
            }
            if let Some(first) = copy.first_mut() {
                *first = 0;
            }
        }
        self.memory.read(address, step.size as usize, copy).ok()?;
        let index = now.objects;
        let at = record_at(self.work.words, index);
        *self.work.words.get_mut(at..)?.first_chunk_mut()? = [
            address,
            u64::from(step.target) << 32 | 1,
            u64::from(parent) << 32 | u64::from(step.via),
            (position as u64) << 32 | u64::from(depth.min(DEEPEST)),
        ];
        now.visited.write(self.work.words, slot, index);
        let state = &mut *self.work.state;
        state.objects = index;
        state.reach(address, length);
        state.largest = state.largest.max(length);
        now.objects = index + 1;
        now.stream_end = end;
        now.around += room::OBJECT;
        now.bytes += length;
        if T::ENABLED {
            self.trace.event(Event::Object {
                index,
                address,
                type_index: step.target,
                count: 1,
            });
        }
        self.steps = self.steps.wrapping_add(1);
        if self.steps.is_multiple_of(STEPS_PER_LOOK) {
            now.store(self.work.state);
            // Where it ends the capture, whoever follows words sees that.
            self.look_at_clock();
        }
        Some(index)
    }

    /// Asks for what a batch of objects leads to that comes after the next one, as far as
    /// they are like the one of `kind`; when to do so again.
    #[inline(never)]
    fn expect_objects(&self, now: &Counters, index: u32, kind: u64, steps: &[Step]) -> u32 {
        let first = index.saturating_add(AHEAD);
        for ahead in first..first.saturating_add(BATCH).min(now.objects) {
            if let Some([_, other, _, place]) = record(self.work.words, ahead)
                && other == kind
            {
                self.expect_words(now.visited, (place >> 32) as usize, steps);
            }
        }
        index.saturating_add(BATCH)
    }

    /// Asks for what the element at word `at` of the area leads to.
    #[inline(always)]
    fn expect_words(&self, visited: Visited, at: usize, steps: &[Step]) {
        for step in steps {
            let word = at.wrapping_add(step.word as usize);
            let value = self.work.area.get(word).copied().unwrap_or(0);
            if value != 0 {
                self.memory.expect(value, step.size.into());
                if let Some(word) = visited.first_word(self.work.words, value, step.target) {
                    self.memory.expect_own(word);
                }
            }
        }
    }
}
