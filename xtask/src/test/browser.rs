//! chromedriver in the test root, for the tests of pages.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use anyhow::{Context, Result, bail};

use crate::testroot::TestRoot;
use crate::workspace;

/// A chromedriver that runs as long as this lives.
pub(super) struct Driver {
    child: Child,
    /// Where it listens.
    pub(super) url: String,
}

impl Driver {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// If there is no test root, or it does not come up.
    pub(super) fn start() -> Result<Self> {
        let root = TestRoot::get()?;
        let workspace = workspace::root();
        let mut child = root
            .command(&workspace, &[&workspace], ["chromedriver", "--port=0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("can't start chromedriver")?;
        let mut printed = BufReader::new(child.stdout.take().context("no output")?);
        let mut driver = Self {
            child,
            url: String::new(),
        };
        let mut line = String::new();
        while printed.read_line(&mut line)? > 0 {
            let port = (line.trim_end())
                .rsplit_once("started successfully on port ")
                .map(|(_, port)| port.trim_end_matches('.'));
            if let Some(port) = port {
                driver.url = format!("http://127.0.0.1:{port}");
                // What it says later must not fill the pipe.
                std::thread::spawn(move || printed.read_to_end(&mut Vec::new()));
                return Ok(driver);
            }
            line.clear();
        }
        bail!("chromedriver ended before it listened")
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
