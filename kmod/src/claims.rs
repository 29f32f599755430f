//! One recipe per process at a time.

use crate::alloc::Table;
use crate::error::{Error, Result};
use crate::module::module;
use crate::sync::{Class, Mutex};
use crate::task::Task;

/// Processes for which recipes may be enabled at once.
const MAX_CLAIMS: usize = 4096;

/// The processes for which a recipe is enabled.
pub(crate) struct Claims {
    processes: Mutex<Table<u64>>,
}

impl Claims {
    /// `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        let processes = Mutex::new(Class::Claims, Table::new(MAX_CLAIMS)?)?;
        Ok(Self { processes })
    }
}

/// The right to have a recipe enabled for a process, given back on drop.
pub(crate) struct Claim {
    task: Task,
}

impl Claim {
    /// For the process, or one thread of it. `EBUSY` somebody has one for that
    /// process, `ENOMEM`.
    pub(crate) fn new(task: Task) -> Result<Self> {
        let process = task.process_id();
        let mut processes = module().claims.processes.lock();
        if processes.iter().any(|claimed| *claimed == process) {
            return Err(Error::EBUSY);
        }
        processes.push(process).map_err(|_| Error::ENOMEM)?;
        drop(processes);
        Ok(Self { task })
    }

    /// Whether the current task is the one. Any context.
    pub(crate) fn is_current(&self) -> bool {
        self.task.is_current()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let process = self.task.process_id();
        let mut processes = module().claims.processes.lock();
        let index = processes.iter().position(|claimed| *claimed == process);
        if let Some(index) = index {
            processes.remove(index);
        }
    }
}
