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
    pub(super) fn load(device: &'d Device, recipe: &'d Recipe) -> Result<Self> {
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

/// An enabled recipe; disabled on drop.
pub(super) struct Armed<'s> {
    session: Option<&'s Session>,
}

impl<'s> Armed<'s> {
    pub(super) fn enable(
        session: &'s Session,
        name: &str,
        options: &EnableOptions,
    ) -> Result<Self> {
        session.enable(name, options)?;
        Ok(Self {
            session: Some(session),
        })
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
