//! Captures, one after the other.

use std::path::Path;

use anyhow::{Context, Result, bail};
use kflat_device::{EnableOptions, Error, Session, Status};

use super::Arguments;
use super::armed::Armed;
use super::ending::{Ending, Found};
use super::output::{Output, Outputs};
use super::surroundings::Machine;
use super::target::Target;
use super::unmet::{self, Wish};
use super::wait::{self, Event, Signals};
use crate::context;
use crate::recipe_source::Recipe;

/// What all captures of a command have in common.
pub(super) struct Series<'s> {
    arguments: &'s Arguments,
    session: &'s Session,
    recipes: &'s [Recipe],
    machine: &'s Machine,
    /// What is saved of the machine, for each recipe.
    facts: Vec<Vec<(String, String)>>,
    outputs: Option<Outputs<'s>>,
}

/// A capture that waits for its call, and where its image will go.
struct Waiting<'s> {
    armed: Armed<'s>,
    /// Empty: it is only measured.
    outputs: Vec<Output>,
}

impl<'s> Series<'s> {
    /// What can fail, fails here: a call can't be waited for twice.
    pub(super) fn prepare(
        arguments: &'s Arguments,
        session: &'s Session,
        recipes: &'s [Recipe],
        machine: &'s Machine,
        outputs: Option<Outputs<'s>>,
    ) -> Result<Self> {
        let facts = recipes.iter().map(|recipe| {
            context::gather(session.device(), recipe, arguments, machine.vmcoreinfo())
        });
        Ok(Self {
            arguments,
            session,
            recipes,
            machine,
            facts: facts.collect::<Result<_>>()?,
            outputs,
        })
    }

    /// Captures as often as was asked for; `done` is called when nothing more will be
    /// armed.
    pub(super) fn run(
        &self,
        target: &mut Target,
        signals: &Signals,
        done: impl FnOnce(),
    ) -> Result<()> {
        let mut done = Some(done);
        let waits_for_others = self.arguments.command.is_empty() && !self.arguments.now;
        // Saying so is a call of some functions, which counts if any process's does.
        let is_heard = target.pid().is_none();
        if waits_for_others && is_heard {
            self.announce(target);
        }
        let mut waiting = self.arm(1, target)?;
        if waits_for_others && !is_heard {
            self.announce(target);
        }
        target.release()?;
        let count = self.arguments.count;
        for number in 1..=count {
            let event = match self.arguments.now {
                true => Event::Captured,
                false => wait::wait(self.session, target, signals, self.arguments.timeout)?,
            };
            let Waiting { armed, outputs } = waiting;
            let (report, status) = armed.finish()?;
            if !report.invoked {
                return Err(self.unmet(event, target, &status, number - 1));
            }
            let captured = self.session.captured(&report);
            // What is called until the next one is armed is not captured. If this
            // process counts itself, it does not call anything meanwhile.
            let is_last = number == count;
            let early = (!is_last && !is_heard).then(|| self.arm(number + 1, target));
            if is_last && let Some(done) = done.take() {
                done();
            }
            self.save(report, status, &captured, outputs)?;
            if is_last {
                break;
            }
            waiting = match early.unwrap_or_else(|| self.arm(number + 1, target)) {
                Ok(next) => next,
                // It ended when it had been captured.
                Err(error) if matches!(error.downcast_ref(), Some(Error::NoProcess { .. })) => {
                    return Err(self.unmet(Event::TargetEnded, target, &status, number));
                }
                Err(error) => return Err(error),
            };
        }
        Ok(())
    }

    fn announce(&self, target: &Target) {
        let (name, functions) = (target.name(), unmet::any_of(self.recipes));
        anstream::eprintln!("waiting for {name} to call {functions} (Ctrl-C ends it)");
    }

    /// Arms capture `number`.
    fn arm(&self, number: u32, target: &Target) -> Result<Waiting<'s>> {
        let outputs = match &self.outputs {
            Some(outputs) => outputs.prepare(number)?,
            None => Vec::new(),
        };
        let options = EnableOptions {
            pid: target.pid(),
            debug: self.arguments.debug,
            stop_machine: self.arguments.stop_machine,
            skip_body: self.arguments.skip_body,
            run_now: self.arguments.now,
        };
        let armed = Armed::enable(self.session, self.recipes, &options)?;
        Ok(Waiting { armed, outputs })
    }

    fn save(
        &self,
        report: kflat_device::Report,
        status: Status,
        captured: &[u8],
        mut outputs: Vec<Output>,
    ) -> Result<()> {
        let hit = status.recipe as usize;
        let (Some(recipe), Some(facts)) = (self.recipes.get(hit), self.facts.get(hit)) else {
            bail!("the module names recipe {hit}, which was not armed");
        };
        let ending = Ending {
            recipe,
            report,
            status,
            area: self.session.area_size(),
        };
        if outputs.is_empty() {
            return ending.measure(captured);
        }
        let device = self.session.device();
        let surroundings = (self.machine).surroundings(device, captured, self.arguments.pages);
        let found = Found {
            context: facts,
            vmcoreinfo: self.machine.vmcoreinfo(),
            surroundings: &surroundings,
        };
        // One for each recipe, or one for all of them.
        let output = outputs.swap_remove(hit.min(outputs.len() - 1));
        ending.save(captured, &found, output)
    }

    fn unmet(
        &self,
        event: Event,
        target: &mut Target,
        status: &Status,
        captured: u32,
    ) -> anyhow::Error {
        let wish = Wish {
            recipes: self.recipes,
            count: self.arguments.count,
            captured,
            timeout: self.arguments.timeout,
        };
        unmet::explain(&wish, event, target, status).into()
    }
}

/// Where the images go.
pub(super) fn outputs<'a>(arguments: &'a Arguments, recipes: &'a [Recipe]) -> Result<Outputs<'a>> {
    let functions = recipes.iter().map(|recipe| recipe.target.as_str());
    let chosen = arguments.output.as_deref().map(Path::as_os_str);
    Outputs::new(chosen.map(Path::new), functions.collect(), arguments.count)
        .context("the images have no place")
}
