//! An image that was captured from a real kernel.

use std::path::Path;

use kflat_image::Image;

use crate::webdriver::{Browser, key};
use crate::{SELECTED, browser, output, page, path};

/// `tests/images/README.md` says how it was made.
fn image() -> Image {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/images/vfs_read.img");
    Image::read(&path).unwrap()
}

#[test]
fn without_types_there_are_bytes() {
    let Some((browser, _alone)) = browser() else {
        return;
    };
    let mut bytes = image().bytes().to_vec();
    let end = u64::from_le_bytes(bytes[32..40].try_into().unwrap()) as usize;
    bytes.truncate(end);
    browser.open(&page(&Image::open(bytes).unwrap(), "plain"), "");
    assert!(browser.text(SELECTED).contains("bytes"));
    browser.wait_for("document.querySelectorAll('#hex .bytes span').length > 4");
    // Its pointers are what there is to open.
    browser.press(&format!("{0}{0}", key::RIGHT));
    assert!(
        browser.text(SELECTED).contains("→ bytes"),
        "{}",
        browser.text(SELECTED)
    );
    assert_eq!(
        browser.number("document.querySelectorAll('#hex .bytes .pointer.marked').length"),
        1.0
    );
    browser.picture(&output("plain.png"));
    browser.press("2");
    browser.press(&format!("{}{}{}", key::DOWN, key::RIGHT, key::DOWN));
    assert!(
        browser.text(SELECTED).starts_with("memory + 0x0"),
        "{}",
        browser.text(SELECTED)
    );
    assert_eq!(browser.complaints(), [""; 0]);
}

/// Types into the search field, and waits for what it finds.
fn search(browser: &Browser, words: &str) {
    browser.press("/");
    browser.press(words);
    browser.wait_for("!document.getElementById('results').hidden");
    browser.settle();
}

#[test]
fn one_explores_a_capture_with_the_keyboard() {
    let Some((browser, _alone)) = browser() else {
        return;
    };
    browser.open(&page(&image(), "vfs_read"), "");
    assert!(browser.text("document.title").starts_with("vfs_read"));
    assert!(
        browser
            .text("document.getElementById('facts').textContent")
            .contains("Linux 6.12")
    );
    assert_eq!(browser.number("document.styleSheets.length"), 1.0);

    // The root is open, and the tree has the focus.
    assert!(
        browser.text(SELECTED).contains("file"),
        "{}",
        browser.text(SELECTED)
    );
    let rows = "document.querySelectorAll('#roots .row').length";
    assert!(browser.number(rows) > 10.0);
    browser.press(&key::DOWN.to_string());
    let first = browser.text(SELECTED);
    browser.press(&format!("{}{}", key::DOWN, key::UP));
    assert_eq!(browser.text(SELECTED), first);
    browser.press(&key::HOME.to_string());
    assert!(browser.text(SELECTED).contains("struct file"));
    // Left closes, right opens.
    browser.press(&key::LEFT.to_string());
    assert_eq!(browser.number(rows), 1.0);
    browser.press(&key::RIGHT.to_string());
    assert!(browser.number(rows) > 10.0);

    // Search finds what an object is called, and goes there.
    search(&browser, "hostname");
    let found = browser.text("document.querySelector('#results .row').textContent");
    assert!(
        found.contains("struct dentry") && found.contains("hostname"),
        "{found}"
    );
    browser.picture(&output("vfs_read-search.png"));
    browser.press(&key::ENTER.to_string());
    let card = "document.getElementById('card').textContent";
    assert_eq!(path(&browser, &image()), "file->f_path.dentry");
    assert!(browser.text(SELECTED).contains("dentry"));

    // The bytes of the selected field are marked, and said in words.
    search(&browser, "d_name");
    browser.press(&key::ENTER.to_string());
    browser.settle();
    let marked = "[...document.querySelectorAll('#hex .bytes .marked')].map((one) => one.textContent).join(' ')";
    let bytes = browser.text(marked);
    assert_eq!(
        bytes.split_whitespace().count(),
        16,
        "a struct qstr: {bytes}"
    );
    assert!(
        browser
            .text("document.getElementById('field').textContent")
            .contains("d_name")
    );
    assert_eq!(path(&browser, &image()), "file->f_path.dentry->d_name");
    // Also a member of a member.
    search(&browser, "d_lockref.count");
    browser.press(&key::ENTER.to_string());
    browser.settle();
    let inner = path(&browser, &image());
    assert!(
        inner.starts_with("file->f_path.dentry->d_lockref"),
        "{inner}"
    );
    search(&browser, "d_name");
    browser.press(&key::ENTER.to_string());
    browser.settle();
    // With the keyboard, from field to field.
    browser.press(&format!("x{}", key::RIGHT));
    assert!(
        browser.text(SELECTED).contains("d_inode"),
        "{}",
        browser.text(SELECTED)
    );
    browser.press(&format!("{}", key::LEFT));
    assert!(
        browser.text(SELECTED).contains("name = "),
        "{}",
        browser.text(SELECTED)
    );
    // A click on bytes selects the field.
    browser.click("#hex .bytes .pointer");
    assert!(
        browser.text(SELECTED).contains('→'),
        "{}",
        browser.text(SELECTED)
    );

    // The graph: what leads to the dentry, and what it leads to.
    let nodes = "[...document.querySelectorAll('#graph .node')].map((node) => node.getAttribute('aria-label')).join('; ')";
    let drawn = browser.text(nodes);
    assert!(
        drawn.contains("struct file") && drawn.contains("struct inode"),
        "{drawn}"
    );
    browser.press("g");
    browser.press(&key::RIGHT.to_string());
    browser.press(&key::ENTER.to_string());
    browser.settle();
    assert!(!browser.text(card).contains("struct dentry “hostname”"));
    browser.run("history.back()");
    browser.wait_for("document.getElementById('card').textContent.includes('hostname')");
    browser.settle();
    browser.picture(&output("vfs_read-light.png"));
    browser.dark(true);
    browser.picture(&output("vfs_read-dark.png"));

    // What is known of the capture, and the keys.
    browser.press("4");
    assert!(
        browser
            .text("document.getElementById('capture').textContent")
            .contains("recipe vfs_read")
    );
    browser.picture(&output("vfs_read-capture.png"));
    browser.press("2");
    browser.press("?");
    assert_eq!(browser.get("document.getElementById('keys').open"), true);
    browser.picture(&output("vfs_read-keys.png"));
    browser.press(&key::ESCAPE.to_string());
    assert_eq!(browser.get("document.getElementById('keys').open"), false);
    assert_eq!(browser.complaints(), [""; 0]);
}
