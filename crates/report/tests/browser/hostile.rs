//! Names and texts from an image are text, whatever is in them.

use kflat_image::Image;
use kflat_image::container::{Builder, Container};

use crate::kernel::saved;
use crate::webdriver::key;
use crate::{SELECTED, browser, output, page};

/// Puts `new` in place of `old` wherever it stands, length and all else kept.
fn replace(bytes: &mut [u8], old: &[u8], new: &[u8]) {
    assert!(new.len() <= old.len());
    let places: Vec<usize> = (0..bytes.len() - old.len())
        .filter(|at| bytes[*at..].starts_with(old))
        .collect();
    assert!(!places.is_empty(), "{old:?}");
    for at in places {
        bytes[at..at + new.len()].copy_from_slice(new);
    }
}

/// The example of a small kernel with markup in all its names.
fn image() -> Image {
    let mut bytes = saved();
    let end = u64::from_le_bytes(bytes[32..40].try_into().unwrap()) as usize;
    let start = end.next_multiple_of(8);
    let mut builder = Builder::new();
    for (kind, payload) in Container::parse(&bytes[start..]).unwrap().entries() {
        let mut payload = payload.to_vec();
        match kind {
            // Types: members, structures, enumerators.
            16 => {
                replace(&mut payload, b"\0operations\0", b"\0<script>x<\0");
                replace(&mut payload, b"\0private\0", b"\0\"><img>\0");
                replace(&mut payload, b"\0SLEEPING\0", b"\0<b>&lt;<\0");
                replace(
                    &mut payload,
                    b"\0d_parent\0",
                    "\0a\u{202e}b\u{200b}\0".as_bytes(),
                );
            }
            // Context: keys and values.
            18 => {
                payload.extend(b"note2=</script><script>window.harmed = 1</script>\n");
            }
            // The recipe.
            19 => payload.extend("// <img src=x onerror='window.harmed = 1'> \u{202e}".as_bytes()),
            _ => {}
        }
        builder.add(kind, &payload);
    }
    bytes.truncate(start);
    // Texts in memory, and a function's symbol.
    replace(&mut bytes, b"hostname\0", b"<script>\0");
    replace(&mut bytes, b"example_read", b"<i>evil</i>\"");
    replace(
        &mut bytes,
        b"cat\0\0\0\0\0\0\0\0\0\0\0\0\0",
        "<svg>\u{202e}'\"&\0".as_bytes(),
    );
    bytes.extend(builder.finish());
    Image::open(bytes).unwrap()
}

#[test]
fn damaged_types_do_not_stop_the_page() {
    let Some((browser, _alone)) = browser() else {
        return;
    };
    let image = Image::open(crate::damaged::deep_types()).unwrap();
    browser.open(&page(&image, "deep"), "");
    browser.press("*");
    browser.press("2");
    browser.press(&format!("{}{}*{}", key::DOWN, key::RIGHT, key::END));
    browser.open(&page(&image, "deep"), "#0+0-0");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn markup_in_names_is_text() {
    let Some((browser, _alone)) = browser() else {
        return;
    };
    let name = "<img src=x onerror=window.harmed=1>";
    let path = page(&image(), "hostile");
    let mut file = std::fs::File::create(&path).unwrap();
    kflat_report::html::html(&image(), name, &mut file).unwrap();
    browser.open(&path, "");
    let scripts = browser.number("document.scripts.length");
    // Everything that can be opened, and every tab.
    browser.press("****");
    let tree = browser.text("document.querySelector('#roots .tree').textContent");
    for text in ["<script>x<", "\"><img>"] {
        assert!(tree.contains(text), "{text}\n{tree}");
    }
    browser.press("2");
    browser.press("*");
    let tree = browser.text("document.querySelector('#types .tree').textContent");
    assert!(tree.contains("“<script>”"), "{tree}");
    browser.press("/");
    browser.press("<svg>");
    browser.wait_for("!document.getElementById('results').hidden");
    let found = browser.text("document.getElementById('results').textContent");
    assert!(found.contains("“<svg>\\u{202e}'\"&”"), "{found}");
    browser.press("\u{e007}");
    browser.picture(&output("hostile.png"));
    browser.press("4");
    let about = browser.text("document.getElementById('capture').textContent");
    assert!(
        about.contains("</script><script>window.harmed = 1</script>"),
        "{about}"
    );
    assert!(
        about.contains("onerror='window.harmed = 1'> \\u{202e}"),
        "{about}"
    );
    browser.press("3");
    let missing = browser.text("document.querySelector('#missing .tree').textContent");
    assert!(
        missing.contains("file->lost") && missing.contains("unreadable"),
        "{missing}"
    );
    // Enter goes to the pointer that was not followed.
    browser.press(&format!("{0}{0}", key::DOWN));
    browser.picture(&output("missing.png"));
    browser.press(&key::ENTER.to_string());
    let selected = browser.text(SELECTED);
    assert!(
        selected.contains("lost = 0xffff88800fff0000unreadable"),
        "{selected}"
    );

    assert_eq!(browser.get("typeof window.harmed"), "undefined");
    assert_eq!(browser.number("document.scripts.length"), scripts);
    assert_eq!(
        browser.number("document.querySelectorAll('main img, main i, main b, main script').length"),
        0.0
    );
    let raw = "[...document.body.textContent].some((one) => '\\u202e\\u200b'.includes(one))";
    assert_eq!(browser.get(raw), false);
    // Should text become markup one day, the page's policy is in its way.
    let refused = "try { document.body.innerHTML = '<p>'; return false } catch { return true }";
    assert_eq!(browser.run(refused), true);
    let run = "const one = document.createElement('script'); one.text = 'window.harmed = 1'";
    assert_eq!(
        browser.run(&format!(
            "try {{ {run}; document.body.append(one) }} catch {{ }} return typeof window.harmed"
        )),
        "undefined"
    );
}
