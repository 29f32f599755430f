//! What changed between two captures.

use kflat_image::Image;
use kflat_report::diff::{Change, Difference, Options, Summary, diff, json, text};

use crate::kernel::{
    DENTRY, ELSEWHERE, FILE, FIRST, Kernel, NAME, PARENT, SECOND, TASK, captured, image,
    saved_from, saved_with,
};

fn changed(change: impl FnOnce(&mut Kernel)) -> Image {
    let mut kernel = Kernel::example();
    change(&mut kernel);
    Image::open(saved_from(&mut kernel)).unwrap()
}

fn compared(old: &Image, new: &Image, options: &Options) -> (Vec<Change>, Summary) {
    let mut changes = Vec::new();
    let summary = diff(old, new, options, &mut |change| {
        changes.push(change.clone());
        Ok(())
    });
    (changes, summary.unwrap())
}

/// The differences as text.
fn told(new: &Image) -> String {
    let mut out = Vec::new();
    diff(&image(), new, &Options::default(), &mut |change| {
        text(change, false, &mut out)
    })
    .unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_capture_is_the_same_as_itself() {
    let (changes, summary) = compared(&image(), &image(), &Options::default());
    assert!(changes.is_empty(), "{changes:?}");
    assert!(summary.is_same() && summary.same > 8);
    assert_eq!(
        summary.words(),
        format!("{} objects, all the same", summary.same)
    );
}

#[test]
fn changed_members_are_told_as_show_prints_them() {
    let new = changed(|kernel| {
        kernel.set(FILE + 24, &0x1234_5678u32.to_le_bytes());
        kernel.set(FILE + 64, &[0b1011_0110]);
        kernel.set(FILE + 72 + 4 * 5, &9u32.to_le_bytes());
        kernel.set(TASK, &1u32.to_le_bytes());
        kernel.set(TASK + 8, b"systemd\0");
    });
    assert_eq!(
        told(&new),
        "\
~ file struct file 0xffff888000100000
    f_mode: 0x4801d /* 294941 */ → 0x12345678 /* 305419896 */
    bits.low: 5 → 6
    numbers[5]: 2 → 9
~ task struct task “init” 0xffff888000500000
    state: RUNNING → SLEEPING
    comm: \"init\" → \"systemd\"
"
    );
}

#[test]
fn another_object_in_the_same_place_is_compared_with_the_one_before() {
    // The file's dentry is now the second of the row, whose parent is the first.
    let new = changed(|kernel| kernel.set(FILE + 8, &(DENTRY + 40).to_le_bytes()));
    let (changes, _) = compared(&image(), &new, &Options::default());
    let moved = (changes.iter()).find(|change| change.difference == Difference::Moved);
    let moved = moved.unwrap_or_else(|| panic!("{changes:?}"));
    assert_eq!(moved.addresses, (Some(DENTRY), Some(DENTRY + 40)));
    assert_eq!(moved.path, "file->f_path.dentry");
    assert!(
        moved.members.iter().any(|one| one.path == "d_count"),
        "{moved:?}"
    );
    // What led to it leads to what took its place: that is no change of its own.
    let file = changes.iter().find(|change| change.of == "struct file");
    assert!(file.is_none_or(|file| file.members.iter().all(|one| one.path != "f_path.dentry")));
}

#[test]
fn a_kernel_that_was_loaded_elsewhere_is_the_same() {
    const FURTHER: u64 = 0x10_0000;
    let mut kernel = Kernel::example();
    kernel.set(FILE + 48, &(ELSEWHERE + FURTHER).to_le_bytes());
    let mut with =
        |context: &[(&str, &str)]| Image::open(saved_with(&mut kernel, context)).unwrap();
    let new = with(&[("kernel_offset", "0x300000")]);
    assert!(told(&new).contains("    lost: 0xffff88800fff0000 → 0xffff8880100f0000\n"));
    let old = saved_with(&mut Kernel::example(), &[("kernel_offset", "0x200000")]);
    let (changes, _) = compared(&Image::open(old).unwrap(), &new, &Options::default());
    assert!(changes.is_empty(), "{changes:?}");
}

#[test]
fn lists_are_compared_as_lists() {
    // The first child is gone.
    let new = changed(|kernel| {
        kernel.set(TASK + 24, &(SECOND + 40).to_le_bytes());
        kernel.set(SECOND + 48, &(TASK + 24).to_le_bytes());
    });
    assert_eq!(
        told(&new),
        "\
~ task struct task “init” 0xffff888000500000
    children: list of 2 → list of 1
- task->children[] struct task “sh” 0xffff888000510000
"
        .replace("->children[]", &path_of_a_child())
    );
    let (_, summary) = compared(&image(), &new, &Options::default());
    assert_eq!((summary.changed, summary.removed, summary.added), (1, 1, 0));
    let (_, back) = compared(&new, &image(), &Options::default());
    assert_eq!((back.changed, back.removed, back.added), (1, 0, 1));
}

/// As the model says how a list's element was reached.
fn path_of_a_child() -> String {
    let mut out = Vec::new();
    kflat_report::json::json(&image(), &kflat_report::json::Options::default(), &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let line = text
        .lines()
        .find(|line| line.contains(&format!("{FIRST:#x}")))
        .unwrap();
    let event: serde_json::Value = serde_json::from_str(line).unwrap();
    event["path"]
        .as_str()
        .unwrap()
        .strip_prefix("task")
        .unwrap()
        .to_owned()
}

#[test]
fn strings_pointers_and_what_is_lost_are_told() {
    let new = changed(|kernel| {
        kernel.set(NAME, b"hosts\0");
        kernel.set(FILE + 16, &0u64.to_le_bytes());
        kernel.set(PARENT, &0u64.to_le_bytes());
    });
    let said = told(&new);
    for line in [
        "    f_op: 0xffffffff82000000 → NULL",
        "    d_parent: 0xffff888000210000 → NULL",
        "    \"hostname\" → \"hosts\"",
    ] {
        assert!(said.lines().any(|found| found == line), "{line}\n{said}");
    }
    assert!(
        said.contains("- file->f_op struct operations 0xffffffff82000000\n"),
        "{said}"
    );
}

#[test]
fn a_type_a_few_members_and_json_can_be_asked_for() {
    let new = changed(|kernel| {
        kernel.set(FILE + 72, &[7; 16]);
        kernel.set(TASK + 4, &[7]);
    });
    let options = Options {
        type_name: Some("struct file".to_owned()),
        members: 1,
        ..Options::default()
    };
    let (changes, summary) = compared(&image(), &new, &options);
    assert_eq!(
        (changes.len(), changes[0].members.len(), changes[0].more),
        (1, 1, 3)
    );
    assert_eq!((summary.changed, summary.same), (1, 0));
    let mut out = Vec::new();
    json::begin("a", "b", &mut out).unwrap();
    json::change(&changes[0], &mut out).unwrap();
    json::end(&summary, &mut out).unwrap();
    let events: Vec<serde_json::Value> = (String::from_utf8(out).unwrap().lines())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events[0]["schema"], 1);
    assert_eq!(events[1]["event"], "changed");
    assert_eq!(events[1]["members"][0]["path"], "numbers[0]");
    assert_eq!(events[1]["members"][0]["old"], "1");
    assert_eq!(events[2]["changed"], 1);
}

#[test]
fn images_without_types_are_compared_byte_by_byte() {
    let plain = |image: Vec<u8>| {
        let end = u64::from_le_bytes(image[32..40].try_into().unwrap()) as usize;
        Image::open(image[..end].to_vec()).unwrap()
    };
    let old = captured().0;
    let mut new = old.clone();
    let end = u64::from_le_bytes(new[32..40].try_into().unwrap()) as usize;
    let name = (0..end)
        .rev()
        .find(|at| new[*at..].starts_with(b"hostname"))
        .unwrap();
    new[name..name + 4].copy_from_slice(b"wild");
    let (changes, _) = compared(&plain(old), &plain(new), &Options::default());
    let [change] = &changes[..] else {
        panic!("{changes:?}");
    };
    assert_eq!(
        (change.of.as_str(), change.addresses),
        ("bytes", (None, None))
    );
    assert_eq!(change.members[0].old, "68 6f 73 74");
    assert_eq!(change.members[0].new, "77 69 6c 64");
}
