//! Why there is no image, or fewer than were asked for.

use std::time::Duration;

use kflat_device::Status;

use super::target::Target;
use super::wait::Event;
use crate::failure::NoCapture;
use crate::recipe_source::Recipe;
use crate::size::counted;

/// What was asked for, and how much of it came true.
pub(super) struct Wish<'w> {
    pub(super) recipes: &'w [Recipe],
    pub(super) count: u32,
    /// So many images were saved.
    pub(super) captured: u32,
    pub(super) timeout: Option<Duration>,
}

/// The functions, as a message speaks of them.
pub(super) fn any_of(recipes: &[Recipe]) -> String {
    let names: Vec<&str> = recipes.iter().map(|one| one.target.as_str()).collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// Why the function was not called, or not as it was asked for. A command that is
/// still running is ended.
pub(super) fn explain(
    wish: &Wish<'_>,
    event: Event,
    target: &mut Target,
    status: &Status,
) -> NoCapture {
    let (name, functions) = (target.name(), any_of(wish.recipes));
    let missing = match wish.captured {
        0 => "nothing captured: ".to_owned(),
        captured => format!("captured {captured} of {} times: ", wish.count),
    };
    let passed_over = passed_over(status);
    let again = if wish.captured > 0 { " again" } else { "" };
    let (as_asked, counts) = match &passed_over {
        Some(counts) => (" as the recipe asks", format!("; {counts}")),
        None => ("", String::new()),
    };
    let why = match event {
        Event::Interrupted => {
            target.terminate();
            return NoCapture::Interrupted(format!("{missing}interrupted{counts}"));
        }
        Event::TimedOut => {
            target.terminate();
            let seconds = wish.timeout.unwrap_or_default().as_secs_f64();
            format!("{name} did not call {functions}{again}{as_asked} within {seconds} s")
        }
        Event::Captured | Event::TargetEnded => format!(
            "{name} ended without calling {functions}{again}{as_asked}{}",
            target.end()
        ),
    };
    let others = match (&passed_over, status.missed) {
        (None, missed @ 1..) if wish.captured == 0 && target.pid().is_some() => format!(
            "; others called it {}, and without --pid and COMMAND the first of them is captured",
            counted(missed, "time")
        ),
        _ => String::new(),
    };
    NoCapture::NotCalled(format!("{missing}{why}{counts}{others}"))
}

/// The calls that a recipe did not want.
fn passed_over(status: &Status) -> Option<String> {
    let mut said = Vec::new();
    if status.unfit > 0 {
        let mut unfit = format!(
            "{} did not fit its condition",
            counted(status.unfit, "call")
        );
        if status.uncomputed > 0 {
            unfit.push_str(&format!(
                " ({} because it reads memory that can't be read)",
                status.uncomputed
            ));
        }
        said.push(unfit);
    }
    if status.early > 0 {
        let early = counted(status.early, "call");
        said.push(format!("{early} came before the one it asks for"));
    }
    (!said.is_empty()).then(|| said.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kflat_device::State;

    fn said(captured: u32, event: Event, (unfit, uncomputed, early): (u64, u32, u64)) -> String {
        let recipe = |target: &str| Recipe {
            target: target.to_owned(),
            program: Vec::new(),
            types: Vec::new(),
            source: String::new(),
            is_loaded: false,
            is_generated: false,
        };
        let recipes = [recipe("f"), recipe("g"), recipe("module:h")];
        let wish = Wish {
            recipes: &recipes,
            count: 5,
            captured,
            timeout: Some(Duration::from_millis(1500)),
        };
        let status = Status {
            state: State::Idle,
            reason: None,
            diagnostics: 0,
            image_size: 0,
            total_size: 0,
            needed_size: 0,
            objects: 0,
            fragments: 0,
            copying: Duration::ZERO,
            writing: Duration::ZERO,
            pause: Duration::ZERO,
            missed: 0,
            recipe: 0,
            unfit,
            uncomputed,
            early,
        };
        explain(&wish, event, &mut Target::Any, &status).to_string()
    }

    #[test]
    fn what_is_missing_and_why() {
        assert_eq!(
            said(0, Event::TimedOut, (0, 0, 0)),
            "nothing captured: any process did not call f, g or module:h within 1.5 s"
        );
        assert_eq!(
            said(2, Event::TargetEnded, (0, 0, 0)),
            "captured 2 of 5 times: any process ended without calling f, g or module:h again"
        );
        assert_eq!(
            said(0, Event::TargetEnded, (3, 1, 1)),
            "nothing captured: any process ended without calling f, g or module:h as the recipe \
             asks; 3 calls did not fit its condition (1 because it reads memory that can't be \
             read), 1 call came before the one it asks for"
        );
        assert_eq!(
            said(1, Event::Interrupted, (1, 0, 0)),
            "captured 1 of 5 times: interrupted; 1 call did not fit its condition"
        );
    }
}
