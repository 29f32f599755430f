//! What was captured: saved, and told.

use anyhow::{Result, anyhow};
use kflat_device::{Reason, Report, Status};
use kflat_image::{Additions, Image, Surroundings, save};

use super::output::Output;
use crate::recipe_source::Recipe;
use crate::{failure, size};

/// How a capture ended.
pub(super) struct Ending<'r> {
    pub(super) recipe: &'r Recipe,
    pub(super) report: Report,
    pub(super) status: Status,
    /// Bytes of the area.
    pub(super) area: u64,
}

/// What is saved with an image about the machine.
pub(super) struct Found<'f> {
    /// Keys and values.
    pub(super) context: &'f [(String, String)],
    pub(super) vmcoreinfo: &'f str,
    pub(super) surroundings: &'f Surroundings,
}

impl Ending<'_> {
    /// Saves the image and says what it is, or why there is none.
    pub(super) fn save(&self, captured: &[u8], found: &Found<'_>, output: Output) -> Result<()> {
        if self.report.size == 0 {
            return Err(self.no_image());
        }
        let file = save(
            captured,
            &Additions {
                types: &self.recipe.types,
                program: &self.recipe.program,
                source: &self.recipe.source,
                context: found.context,
                vmcoreinfo: found.vmcoreinfo,
                surroundings: Some(found.surroundings),
            },
        )?;
        let place = output.write(&file)?;
        anstream::eprintln!("{}", self.summary(&caller(file), &place));
        self.judge()
    }

    /// Says how much the capture was, of which nothing is kept.
    pub(super) fn measure(&self, captured: &[u8]) -> Result<()> {
        if self.report.size == 0 {
            return Err(self.no_image());
        }
        let caller = caller(captured.to_vec());
        anstream::eprintln!("{}", self.summary(&caller, "not saved"));
        self.judge()
    }

    fn summary(&self, caller: &str, place: &str) -> String {
        let status = &self.status;
        format!(
            "captured {}{caller}: {} in {}, {}, in {} µs: {place}",
            self.recipe.target,
            size::counted(status.objects, "object"),
            size::counted(status.fragments, "fragment"),
            size::shown(status.image_size),
            status.copying.as_micros(),
        )
    }

    /// Whether the image is all that it should be.
    fn judge(&self) -> Result<()> {
        let status = &self.status;
        let missing = match status.diagnostics {
            0 => String::new(),
            1 => "; 1 thing was not captured (kflat image tells)".to_owned(),
            count => format!("; {count} things were not captured (kflat image tells)"),
        };
        match status.reason {
            None => Ok(()),
            Some(reason) if reason.wants_larger_area() => Err(anyhow!(
                "the image is partial: {reason}{missing}; run again with {}",
                self.larger_area()
            )),
            // Automatic captures go so far by intention.
            Some(reason) if reason.is_depth() && self.recipe.is_generated => {
                let deeper = size::counted(status.diagnostics.into(), "pointer");
                anstream::eprintln!("not followed: {deeper} that lead deeper (--depth N goes on)");
                Ok(())
            }
            Some(reason) => {
                failure::warn(format!("the image is partial: {reason}{missing}"));
                Ok(())
            }
        }
    }

    fn no_image(&self) -> anyhow::Error {
        let function = &self.recipe.target;
        let area = size::shown(self.area);
        match self.status.reason {
            Some(reason) if reason.wants_larger_area() => anyhow!(
                "{function} was called, but {reason}: it needs at least {} bytes and has {} \
                 ({area}); run again with {}",
                self.status.needed_size,
                self.area,
                self.larger_area()
            ),
            Some(reason) => anyhow!("{function} was called, but nothing captured: {reason}"),
            None => anyhow!(
                "{function} was called, but nothing captured (error {})",
                self.report.error
            ),
        }
    }

    fn larger_area(&self) -> String {
        let needed = self.status.needed_size;
        // A partial image ended where the area did.
        let counted = self.status.reason.is_some_and(Reason::is_counted)
            && self.status.total_size == 0
            && needed > self.area;
        let needed = if counted {
            // With room for names that were not counted.
            needed.saturating_add(needed / 8)
        } else {
            // What the rest would need nobody knows.
            needed.max(self.area).saturating_mul(2)
        };
        format!("--area {}", size::argument(needed))
    }
}

/// Who made the call, by the image.
fn caller(file: Vec<u8>) -> String {
    let Ok(image) = Image::open(file) else {
        return String::new();
    };
    let Some(hit) = image.extension().and_then(|extension| extension.hit()) else {
        return String::new();
    };
    let comm = hit.comm.split(|byte| *byte == 0).next().unwrap_or_default();
    format!(" ({}, pid {})", String::from_utf8_lossy(comm), hit.pid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kflat_abi::extension::{REASON_AREA_TOO_SMALL, REASON_LIMIT_DEPTH, REASON_NO_MEMORY};
    use kflat_device::State;
    use std::time::Duration;

    fn ending(recipe: &Recipe, reason: u32, size: u64, needed: u64) -> Ending<'_> {
        Ending {
            recipe,
            report: Report {
                invoked: true,
                size,
                error: 12,
            },
            status: Status {
                state: State::Ready,
                reason: Some(Reason(reason)),
                diagnostics: 2,
                image_size: size,
                total_size: size,
                needed_size: needed,
                objects: 1,
                fragments: 1,
                copying: Duration::from_micros(3),
                writing: Duration::ZERO,
                pause: Duration::ZERO,
                missed: 0,
                recipe: 0,
                unfit: 0,
                uncomputed: 0,
                early: 0,
            },
            area: 4096,
        }
    }

    #[test]
    fn too_small_an_area_is_an_error_that_names_the_size_to_take() {
        let recipe = Recipe {
            target: "f".to_owned(),
            program: Vec::new(),
            types: Vec::new(),
            source: String::new(),
            is_loaded: false,
            is_generated: false,
        };
        let none = ending(&recipe, REASON_AREA_TOO_SMALL, 0, 70_000);
        let said = none.no_image().to_string();
        assert!(said.contains("needs at least 70000 bytes"), "{said}");
        assert!(said.ends_with("--area 77K"), "{said}");

        let full = ending(&recipe, REASON_NO_MEMORY, 4000, 4000);
        let said = full.judge().unwrap_err().to_string();
        assert!(said.ends_with("--area 8K"), "{said}");

        let bounded = ending(&recipe, REASON_LIMIT_DEPTH, 4000, 4000);
        bounded.judge().unwrap();
    }
}
