//! 10⁵ objects do not make the page stutter.

use crate::webdriver::key;
use crate::{SELECTED, browser, list, output, page, path};

/// Rows in the document, whatever the number of objects.
const MOST_ROWS: f64 = 200.0;
/// What a frame may take, in milliseconds; on a machine with nothing else to do
/// they take 17.
const MEDIAN_FRAME: f64 = 100.0;
/// No task may block the page longer, in milliseconds: on a busy machine with
/// two cores several times what they take.
const LONGEST_TASK: f64 = 1500.0;

#[test]
fn a_hundred_thousand_objects_do_not_stutter() {
    let Some((browser, _alone)) = browser() else {
        return;
    };
    let image = list::image();
    browser.open(&page(&image, "list"), "");
    browser.run(
        "window.tasks = []; \
         new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map((one) => one.duration))) \
         .observe({type: 'longtask', buffered: true})",
    );
    let longest = |what: &str| {
        let longest = browser.number("Math.max(0, ...window.tasks.splice(0))");
        println!("{what}: the longest task took {longest:.0} ms");
        assert!(longest < LONGEST_TASK, "{what}: a task took {longest} ms");
    };
    browser.settle();
    longest("opening the page");
    let rows = "document.querySelectorAll('.row').length";
    // The list is a root's; it opens into ranges, and these into nodes.
    assert!(
        browser
            .text("document.querySelector('#roots .tree').textContent")
            .contains("[0 … 999]")
    );
    browser.press(&format!("{}{}{}", key::END, key::RIGHT, key::END));
    let last = browser.text(SELECTED);
    assert!(
        last.contains("[99999]") && last.contains("100000"),
        "{last}"
    );
    // Every range at once: a tree with all nodes in it.
    browser.press(&format!("{0}{0}*", key::LEFT));
    browser.wait_for("document.querySelector('#roots .tree').scrollHeight > 2e6");
    assert!(browser.number(rows) < MOST_ROWS);

    longest("opening all");
    // From end to end, a piece in each frame.
    let frames = browser.frames();
    let (median, worst) = (frames[frames.len() / 2], frames[frames.len() - 1]);
    println!("a frame takes {median:.0} ms, the longest of 120 took {worst:.0} ms");
    assert!(median < MEDIAN_FRAME, "{median} ms");
    longest("scrolling");
    assert!(browser.number(rows) < MOST_ROWS);
    browser.press(&key::HOME.to_string());
    browser.press(&key::DOWN.to_string().repeat(50));

    longest("keys");
    // Search finds a node by its address, and all by their type.
    browser.press("/");
    browser.press("node");
    browser.wait_for("!document.getElementById('results').hidden");
    browser.run("document.getElementById('results').scrollTop = 1e9");
    browser.settle();
    let more = browser.text("document.getElementById('results').textContent");
    assert!(more.contains("more"), "{more}");
    browser.press(&format!("{}", key::ESCAPE));
    browser.press("0xffff8880000f4280");
    browser.wait_for("!document.getElementById('results').hidden");
    browser.press(&key::ENTER.to_string());
    browser.settle();
    // Node 7813, the head being before the first.
    let card = browser.text("document.getElementById('card').textContent");
    assert!(card.contains("0xffff8880000f4280"), "{card}");
    assert!(
        browser.text(SELECTED).contains("[7812]"),
        "{}",
        browser.text(SELECTED)
    );
    assert_eq!(path(&browser, &image), "head[7812]");
    browser.picture(&output("list.png"));

    longest("searching");
    // By type.
    browser.press("2");
    browser
        .wait_for("document.querySelector('#types .tree').textContent.includes('100,000 objects')");
    longest("types");
    assert_eq!(browser.complaints(), [""; 0]);
}
