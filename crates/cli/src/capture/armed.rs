//! What has to be undone, whatever happens: a loaded recipe, an enabled one.

use anyhow::Result;
use kflat_device::{Device, EnableOptions, Error, Report, Session, Status};

use crate::failure;
use crate::recipe_source::Recipe;

/// A recipe that is loaded; unloaded on drop, if it was not there before.
pub(super) struct Loaded<'d> {
    device: &'d Device,
    /// `None`: it stays.
    name: Option<&'d str>,
}

impl<'d> Loaded<'d> {
    pub(super) fn load(device: &'d Device, recipes: &'d [Recipe]) -> Result<Vec<Self>> {
        recipes.iter().map(|one| Self::one(device, one)).collect()
    }

    fn one(device: &'d Device, recipe: &'d Recipe) -> Result<Self> {
        let stays = Self { device, name: None };
        if recipe.is_loaded {
            return Ok(stays);
        }
        match device.load_recipe(&recipe.program, &recipe.attachment()) {
            Ok(()) => Ok(Self {
                device,
                name: Some(&recipe.target),
            }),
            // Another capture of the same is going on, perhaps.
            Err(Error::AlreadyLoaded { name })
                if (device.describe(&name))
                    .is_ok_and(|stored| stored.program == recipe.program) =>
            {
                Ok(stays)
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for Loaded<'_> {
    fn drop(&mut self) {
        let Some(name) = self.name else { return };
        if let Err(error) = self.device.unload(name) {
            failure::warn(format!("recipe {name} stays loaded: {error}"));
        }
    }
}

/// Enabled recipes; disabled on drop.
pub(super) struct Armed<'s> {
    session: Option<&'s Session>,
}

impl<'s> Armed<'s> {
    pub(super) fn enable(
        session: &'s Session,
        recipes: &[Recipe],
        options: &EnableOptions,
    ) -> Result<Self> {
        let mut names = recipes.iter().map(|recipe| &recipe.target);
        if let Some(first) = names.next() {
            session.enable(first, options)?;
        }
        let armed = Self {
            session: Some(session),
        };
        for name in names {
            if !session.enable_also(name)? {
                // One was hit meanwhile.
                break;
            }
        }
        Ok(armed)
    }

    /// Disarms; how it ended.
    pub(super) fn finish(mut self) -> Result<(Report, Status), Error> {
        match self.session.take() {
            Some(session) => Ok((session.disable()?, session.status()?)),
            None => Err(Error::SessionBusy),
        }
    }
}

impl Drop for Armed<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.session {
            // Only on the way out of another error, which is the one to tell.
            let _ = session.disable();
        }
    }
}
