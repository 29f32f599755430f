//! The common case: objects whose every action is [plain](crate::step). It does what
//! [`Capture::object`] does, for one object after the other, with the actions decoded
//! once and the counters in registers.
//!
//! Pointers are found some time before they are followed, so that the memory that they
//! lead to, and the place in the table of visited objects, is on its way meanwhile. They
//! wait in a ring, and are followed in batches; limits are looked at once for many.
//! Whatever is out of the ordinary is left to `object`: a word that leads to something
//! unreadable, a limit that is reached, memory that is full.

use crate::capture::{Capture, Rest, STEPS_PER_LOOK};
use crate::environment::{Clock, Event, Memory, Trace};
use crate::fixups::{Fixups, after};
use crate::layout::DEEPEST;
use crate::ring::{Pointer, Ring};
use crate::room;
use crate::step::{MOST, Step, Steps};
use crate::string;
use crate::visited::{Hash, Slot, Visited};
use crate::word::words_for;
use crate::work::{Link, OBJECT_WORDS, State, Work, record, records};

/// Pointers that are followed at a time, and for how many limits are looked at at once.
const BATCH: u32 = 16;
const WITHIN_LIMITS: u32 = 64;
/// Elements that are gone through for pointers at a time.
const ELEMENTS: u32 = 32;
/// By how much the area, the objects' records and the fixups are asked for before they are
/// written: words, records, words.
const AREA_AHEAD: usize = 128;
const RECORDS_AHEAD: u32 = 32;
const FIXUPS_AHEAD: usize = 48;

/// Where pointers are looked for next.
struct Source {
    type_index: u32,
    /// The next object.
    next: u32,
    /// The one before it: index, word of the area, depth of what it leads to.
    object: u32,
    start: usize,
    depth: u32,
    /// The word of its next element, and how many elements there are from there on.
    at: usize,
    left: u32,
    ring: Ring,
    /// Pointers that can be followed without a look at any limit.
    within_limits: u32,
}

/// What changes with each pointer.
#[derive(Clone, Copy)]
struct Counters {
    objects: u32,
    stream_end: usize,
    bytes: u64,
    fixup: usize,
}

impl Counters {
    #[inline(always)]
    fn load(state: &State) -> Self {
        Self {
            objects: state.objects,
            stream_end: state.stream_end,
            bytes: state.bytes,
            fixup: state.fixups.at,
        }
    }

    #[inline(always)]
    fn store(&self, state: &mut State) {
        state.objects = self.objects;
        state.stream_end = self.stream_end;
        state.bytes = self.bytes;
        state.fixups.count += (self.fixup.wrapping_sub(state.fixups.at) / 2) as u32;
        state.fixups.at = self.fixup;
    }
}

#[inline(always)]
fn record_mut(words: &mut [u64], index: u32) -> Option<&mut [u64; OBJECT_WORDS]> {
    let records = words.as_rchunks_mut().1;
    let at = records.len().wrapping_sub(index as usize + 1);
    records.get_mut(at)
}

impl<M: Memory, C: Clock, T: Trace> Capture<'_, '_, '_, M, C, T> {
    /// Carries out the actions of the objects from `index` on, as long as they are of
    /// the type of the first and all is ordinary. The first object that is not, and the
    /// first of its actions that is to be carried out, if that is not simply its first.
    #[inline(never)]
    pub(crate) fn plain(&mut self, index: u32) -> (u32, Option<Rest>) {
        let (_, type_index) = self.work.identity(index);
        let longest = self.work.state.limits.string;
        let Some(steps) = Steps::of(self.program, type_index, longest) else {
            return (index, None);
        };
        if steps.all().is_empty() {
            return (self.of_one_type(index, type_index), None);
        }
        let mut source = Source {
            type_index,
            next: index,
            object: index,
            start: 0,
            depth: 0,
            at: 0,
            left: 0,
            ring: Ring::default(),
            within_limits: 0,
        };
        loop {
            let gone_through = self.find_pointers(&steps, &mut source);
            let waiting = source.ring.len();
            if waiting == 0 && gone_through == 0 {
                return (source.next, None);
            }
            let mut followed = 0;
            if waiting > 0 {
                if source.within_limits == 0 {
                    source.within_limits = self.room_for(&steps, WITHIN_LIMITS);
                }
                let batch = waiting.min(BATCH).min(source.within_limits);
                followed = if steps.strings {
                    self.follow::<true>(&steps, &source.ring, batch)
                } else {
                    self.follow::<false>(&steps, &source.ring, batch)
                };
                source.ring.pop(followed);
                source.within_limits -= followed;
                if followed < batch || batch == 0 {
                    return self.left_off(&steps, &source);
                }
            }
            let before = self.steps / STEPS_PER_LOOK;
            self.steps = self.steps.wrapping_add(gone_through + followed);
            if self.steps / STEPS_PER_LOOK != before && !self.look_at_clock() {
                return (source.object, None);
            }
        }
    }

    /// The first object from `index` on that is not of a type without actions.
    #[inline(never)]
    fn of_one_type(&self, index: u32, type_index: u32) -> u32 {
        let objects = self.work.state.objects;
        if index >= self.work.state.active {
            return objects;
        }
        let rest = records(self.work.words, objects).skip(index as usize);
        let same = rest
            .take_while(|[_, kind, ..]| (*kind >> 32) as u32 == type_index)
            .count();
        index.saturating_add(same as u32)
    }

    /// The first pointer that waits is out of the ordinary: where that is.
    #[cold]
    #[inline(never)]
    fn left_off(&self, steps: &Steps, source: &Source) -> (u32, Option<Rest>) {
        let Some(pointer) = source.ring.get(self.work.words, 0) else {
            return (source.object, None);
        };
        let step = steps.get(pointer.step);
        let words = (pointer.key as u32).wrapping_sub(step.word);
        let rest = Rest {
            number: words.checked_div(steps.size / 8).unwrap_or(0),
            via: step.via,
        };
        ((pointer.key >> 32) as u32, Some(rest))
    }

    /// Fills the ring, and asks for what the pointers lead to. How many objects or
    /// elements were gone through; 0: the ring is full, or `source.next` is out of the
    /// ordinary or not there yet.
    #[inline(never)]
    fn find_pointers(&mut self, steps: &Steps, source: &mut Source) -> u32 {
        let stride = (steps.size / 8) as usize;
        let mut gone_through = 0;
        while source.ring.room() >= MOST as u32 && gone_through < ELEMENTS {
            if source.left == 0 && self.next_source(steps, source).is_none() {
                break;
            }
            let table = self.work.state.visited;
            for (number, step) in (0..).zip(steps.all()) {
                let word = source.at.wrapping_add(step.word as usize);
                let value = self.work.area.get(word).copied().unwrap_or(0);
                if value == 0 {
                    continue;
                }
                let hash = Hash::plain(value, step.target);
                if let Some(word) = table.first_word(self.work.words, hash) {
                    self.memory.expect_own(word);
                }
                self.memory.expect(value, step.expected.into());
                let offset = word.wrapping_sub(source.start) as u32;
                let pointer = Pointer {
                    value,
                    key: u64::from(source.object) << 32 | u64::from(offset),
                    hash,
                    step: number,
                    depth: source.depth,
                };
                source.ring.push(self.work.words, &pointer);
            }
            source.at = source.at.wrapping_add(stride);
            source.left -= 1;
            gone_through += 1;
        }
        gone_through
    }

    /// Begins with the elements of the next object, if it is ordinary.
    #[inline(always)]
    fn next_source(&mut self, steps: &Steps, source: &mut Source) -> Option<()> {
        let index = source.next;
        if index >= self.work.state.objects {
            return None;
        }
        let [address, kind, _, place] = *record(self.work.words, index)?;
        let elements = kind as u32;
        let depth = (place as u32).saturating_add(1);
        if (kind >> 32) as u32 != source.type_index
            || !address.is_multiple_of(8)
            || elements != 1 && (elements == 0 || !steps.size.is_multiple_of(8))
            || depth > self.work.state.limits.depth
        {
            return None;
        }
        if elements > ELEMENTS {
            let more = elements.saturating_mul(steps.all().len() as u32);
            // Where there is no memory for that, it may still be enough.
            let _ = Visited::expect(&mut self.work, self.program, more);
            // Memory was taken for it.
            source.within_limits = 0;
        }
        let start = (place >> 32) as usize;
        if let Some(word) = self.work.area.get(start.wrapping_add(AREA_AHEAD)) {
            self.memory.expect_own(word);
        }
        if let Some([word, ..]) = record(self.work.words, index.wrapping_add(RECORDS_AHEAD)) {
            self.memory.expect_own(word);
        }
        source.next = index.wrapping_add(1);
        source.object = index;
        source.start = start;
        source.depth = depth;
        source.at = source.start;
        source.left = elements;
        Some(())
    }

    /// How many of the next `wanted` pointers can be followed without a look at any
    /// limit; 0: not even one.
    #[inline(never)]
    fn room_for(&mut self, steps: &Steps, wanted: u32) -> u32 {
        let work = &mut self.work;
        if work.state.fixups.at == work.state.fixups.end && Fixups::grow(work).is_none() {
            return 0;
        }
        if u64::from(work.state.objects) >= work.state.visited.room()
            && Visited::grow(work, self.program).is_none()
        {
            return 0;
        }
        let state = &*work.state;
        let (limits, objects) = (&state.limits, state.objects);
        let bytes = steps.largest();
        let words = words_for(7, bytes.into()) as usize + room::OBJECT + 1;
        let fixups = (state.fixups.end - state.fixups.at) / 2;
        let table = state.visited.room() - u64::from(objects);
        let most = limits.objects.min(u32::MAX - 1).saturating_sub(objects);
        let few = u64::from(wanted).min(fixups as u64).min(table);
        let mut few = few.min(u64::from(most)) as usize;
        // Divisions only where it is tight.
        let tight = |free: usize, each: usize, few: &mut usize| {
            if free < *few * each {
                *few = free.checked_div(each).unwrap_or(*few);
            }
        };
        tight(work.free(), OBJECT_WORDS, &mut few);
        tight(work.room(), words, &mut few);
        let left = limits.bytes.saturating_sub(state.bytes);
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        tight(left, bytes as usize, &mut few);
        few as u32
    }

    /// Follows the first `count` pointers, for which there is room. How many were
    /// ordinary before one that is not.
    #[inline(never)]
    fn follow<const STRINGS: bool>(&mut self, steps: &Steps, ring: &Ring, count: u32) -> u32 {
        let state = &*self.work.state;
        let (before, table) = (state.objects, state.visited);
        let mut now = Counters::load(state);
        let mut done = 0;
        while done < count {
            let Some(pointer) = ring.get(self.work.words, done) else {
                break;
            };
            let step = steps.get(pointer.step);
            let mut slot = None;
            if !table.has_none(self.work.words, pointer.hash) {
                slot = Some(self.known(&pointer, step));
            }
            let object = match slot {
                Some(Slot {
                    object: Some(object),
                    ..
                }) => object,
                _ => {
                    let copied = self.copy_plain::<STRINGS>(&mut now, step, &pointer, table, slot);
                    match copied {
                        Some(object) => object,
                        None => break,
                    }
                }
            };
            let words = &mut *self.work.words;
            if let Some(word) = words.get(now.fixup.wrapping_add(FIXUPS_AHEAD)) {
                self.memory.expect_own(word);
            }
            if let Some(word) = words.get_mut(now.fixup.wrapping_add(1)) {
                *word = Link { object, delta: 0 }.pack();
            }
            if let Some(word) = words.get_mut(now.fixup) {
                *word = pointer.key;
            }
            now.fixup += 2;
            done += 1;
        }
        let Work { words, state, .. } = &mut self.work;
        now.store(state);
        state.around += done as usize + (now.objects - before) as usize * room::OBJECT;
        for number in 0..done {
            let key = ring.get(words, number).map_or(0, |pointer| pointer.key);
            state.fixups.last = after(state.fixups.last, key);
        }
        if now.objects > before {
            for index in before..now.objects {
                let address = record(words, index).map_or(state.lowest, |[address, ..]| *address);
                state.reach(address, steps.largest().into());
            }
            state.largest = state.largest.max(steps.largest().into());
            if steps.active {
                state.active = now.objects;
            }
        }
        done
    }

    #[inline(never)]
    fn known(&self, pointer: &Pointer, step: &Step) -> Slot {
        let words = &*self.work.words;
        let wanted = (pointer.value, step.target);
        let table = self.work.state.visited;
        table.look(words, pointer.hash, |object| {
            record(words, object)
                .is_some_and(|[address, kind, ..]| (*address, (kind >> 32) as u32) == wanted)
        })
    }

    /// A copy of the object or string that `pointer` leads to. `None`: something is out
    /// of the ordinary, and nothing has happened.
    #[inline(always)]
    fn copy_plain<const STRINGS: bool>(
        &mut self,
        now: &mut Counters,
        step: &Step,
        pointer: &Pointer,
        table: Visited,
        slot: Option<Slot>,
    ) -> Option<u32> {
        let address = pointer.value;
        let position = now.stream_end;
        let mut depth = pointer.depth;
        let (mut length, mut count) = (u64::from(step.size), 1);
        address.checked_add(length)?;
        if STRINGS && step.string {
            let words = self.work.area.get_mut(position..)?;
            let touched = position + words_for(address, length) as usize;
            self.work.state.touched = self.work.state.touched.max(touched);
            count = string::copy(self.memory, address, step.size, words)?;
            length = u64::from(count);
            // As near as what names it.
            depth = depth.saturating_sub(1);
        }
        let end = position.wrapping_add(words_for(address, length) as usize);
        if !(STRINGS && step.string) {
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
        }
        if let Some(word) = self.work.area.get(position.wrapping_add(AREA_AHEAD)) {
            self.memory.expect_own(word);
        }
        if let Some([word, ..]) = record(self.work.words, now.objects.wrapping_add(RECORDS_AHEAD)) {
            self.memory.expect_own(word);
        }
        let index = now.objects;
        *record_mut(self.work.words, index)? = [
            address,
            u64::from(step.target) << 32 | u64::from(count),
            pointer.key & !0xffff_ffff | u64::from(step.via),
            (position as u64) << 32 | u64::from(depth.min(DEEPEST)),
        ];
        match slot {
            Some(slot) => table.write(self.work.words, slot, index),
            None => table.add(self.work.words, pointer.hash, index),
        }
        now.objects = index + 1;
        now.stream_end = end;
        now.bytes += length;
        if T::ENABLED {
            self.trace.event(Event::Object {
                index,
                address,
                type_index: step.target,
                count,
            });
        }
        Some(index)
    }
}
