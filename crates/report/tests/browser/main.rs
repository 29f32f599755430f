//! The page in a real browser: `cargo xtask test` starts chromedriver in the test
//! root and tells where it listens.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "../report/damaged.rs"]
mod damaged;
#[path = "../../../image/tests/image/kernel.rs"]
mod kernel;
#[path = "../report/list.rs"]
mod list;

mod hostile;
mod large;
mod real;
mod webdriver;

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kflat_image::Image;
use kflat_image::typed::Typed;
use kflat_report::html::html;

use webdriver::Browser;

/// One at a time: frames are measured.
static ONE: Mutex<()> = Mutex::new(());

/// A browser of the chromedriver that `KFLAT_TEST_CHROMEDRIVER` names; without
/// it there is nothing to test with.
fn browser() -> Option<(Browser, MutexGuard<'static, ()>)> {
    let url = std::env::var("KFLAT_TEST_CHROMEDRIVER").ok()?;
    let alone = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    Some((Browser::start(&url), alone))
}

/// Where pages and pictures go.
fn output(name: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("report");
    std::fs::create_dir_all(&directory).unwrap();
    directory.join(name)
}

/// The page of an image, as a file.
fn page(image: &Image, name: &str) -> PathBuf {
    let path = output(&format!("{name}.html"));
    let mut out = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    html(image, &format!("{name}.img"), &mut out).unwrap();
    path
}

/// The path in the card, which `kflat show` has to take.
fn path(browser: &Browser, image: &Image) -> String {
    let path = browser.text("document.querySelector('#card code').textContent");
    let typed = Typed::new(image).unwrap();
    if let Err(error) = typed.path(&path) {
        panic!("{path}: {error}");
    }
    path
}

/// The text of the selected row of the tree that is shown.
const SELECTED: &str =
    "document.querySelector('.tree .row[aria-selected=true]:not([hidden] *)').textContent";
