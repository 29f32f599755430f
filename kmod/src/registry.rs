//! The loaded recipes.

use core::sync::atomic::{AtomicU32, Ordering};

use kflat_abi::control::MAX_RECIPES;
use kflat_abi::program::Slabs;
use kflat_engine::{Rejection, Verified, verify};

use crate::alloc::{Arc, Buffer, Table};
use crate::error::{Error, Result};
use crate::sync::{Class, Mutex};

/// A recipe program that was verified, and what user space keeps with it.
pub(crate) struct Recipe {
    // INVARIANT: `verify` accepted it.
    program: Buffer<u8>,
    attachment: Buffer<u8>,
    /// How many sessions have it enabled; changed under the registry's lock.
    enabled: AtomicU32,
}

impl Recipe {
    /// The program of a client. `EINVAL` and why.
    pub(crate) fn new(
        program: Buffer<u8>,
        attachment: Buffer<u8>,
    ) -> core::result::Result<Self, Rejection> {
        verify(&program)?;
        Ok(Self {
            program,
            attachment,
            enabled: AtomicU32::new(0),
        })
    }

    /// The program, ready to be interpreted.
    pub(crate) fn verified(&self) -> Option<Verified<'_>> {
        Verified::accepted_before(&self.program)
    }

    /// The function that it waits for.
    pub(crate) fn name(&self) -> &str {
        let program = self.verified().map(|verified| *verified.program());
        program.and_then(|program| program.target()).unwrap_or("")
    }

    /// The program's bytes.
    pub(crate) fn program(&self) -> &[u8] {
        &self.program
    }

    /// What user space keeps with it.
    pub(crate) fn attachment(&self) -> &[u8] {
        &self.attachment
    }
}

/// A recipe that can't be unloaded while this lives.
pub(crate) struct EnabledRecipe(Arc<Recipe>);

impl EnabledRecipe {
    /// One that is in no registry. `ENOMEM`.
    pub(crate) fn unlisted(recipe: Recipe) -> Result<Self> {
        recipe.enabled.store(1, Ordering::Relaxed);
        Arc::new(recipe).map(Self)
    }
}

impl core::ops::Deref for EnabledRecipe {
    type Target = Recipe;

    fn deref(&self) -> &Recipe {
        &self.0
    }
}

impl Drop for EnabledRecipe {
    fn drop(&mut self) {
        self.0.enabled.fetch_sub(1, Ordering::Release);
    }
}

/// All loaded recipes, in the order of loading.
pub(crate) struct Registry {
    recipes: Mutex<Table<Arc<Recipe>>>,
}

impl Registry {
    /// `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        let recipes = Mutex::new(Class::Registry, Table::new(MAX_RECIPES)?)?;
        Ok(Self { recipes })
    }

    /// `EEXIST` there is one of that name, `ENOSPC` there are too many.
    pub(crate) fn load(&self, recipe: Recipe) -> Result {
        let recipe = Arc::new(recipe)?;
        let mut recipes = self.recipes.lock();
        if recipes
            .iter()
            .any(|loaded| same_name(loaded, recipe.name()))
        {
            return Err(Error::EEXIST);
        }
        recipes.push(recipe)
    }

    /// `ENOENT`, `EBUSY` it is enabled.
    pub(crate) fn unload(&self, name: &str) -> Result {
        let mut recipes = self.recipes.lock();
        let index = recipes.iter().position(|recipe| same_name(recipe, name));
        let index = index.ok_or(Error::ENOENT)?;
        let enabled = recipes
            .iter()
            .nth(index)
            .map_or(0, |recipe| recipe.enabled.load(Ordering::Acquire));
        if enabled > 0 {
            return Err(Error::EBUSY);
        }
        let removed = recipes.remove(index);
        drop(recipes);
        // Freeing it takes its time.
        drop(removed);
        Ok(())
    }

    /// `ENOENT`.
    pub(crate) fn find(&self, name: &str) -> Result<Arc<Recipe>> {
        let recipes = self.recipes.lock();
        let found = recipes.iter().find(|recipe| same_name(recipe, name));
        found.cloned().ok_or(Error::ENOENT)
    }

    /// Keeps it from being unloaded. `ENOENT`.
    pub(crate) fn enable(&self, name: &str) -> Result<EnabledRecipe> {
        let recipes = self.recipes.lock();
        let found = recipes.iter().find(|recipe| same_name(recipe, name));
        let recipe = found.cloned().ok_or(Error::ENOENT)?;
        recipe.enabled.fetch_add(1, Ordering::Relaxed);
        Ok(EnabledRecipe(recipe))
    }

    /// How the slab allocator describes its objects, by the first recipe that tells.
    pub(crate) fn slabs(&self) -> Slabs {
        let recipes = self.recipes.lock();
        let verified = recipes.iter().filter_map(|recipe| recipe.verified());
        let mut told = verified.map(|verified| verified.program().slabs());
        told.find(|slabs| slabs.cache != 0).unwrap_or_default()
    }

    /// Calls `f` with each name, in the order of loading.
    pub(crate) fn names(&self, f: impl FnMut(&str)) {
        let recipes = self.recipes.lock();
        recipes.iter().map(|recipe| recipe.name()).for_each(f);
    }
}

fn same_name(recipe: &Recipe, name: &str) -> bool {
    recipe.name().eq_ignore_ascii_case(name)
}
