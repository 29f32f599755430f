//! The stream of events.

use kflat_image::Image;
use kflat_report::json::{JsonError, Options, json};
use serde_json::{Value, json as expected};

use crate::kernel::{captured, image};

fn events(image: &Image, options: &Options) -> Vec<Value> {
    let mut out = Vec::new();
    json(image, options, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.ends_with('\n'));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn of_kind<'e>(events: &'e [Value], kind: &str) -> Vec<&'e Value> {
    events
        .iter()
        .filter(|event| event["event"] == kind)
        .collect()
}

#[test]
fn the_whole_image_is_told_in_order() {
    let events = events(&image(), &Options::default());
    assert_eq!(events[0]["event"], "image");
    assert_eq!(events[0]["schema"], 1);
    assert_eq!(events[0]["hit"]["comm"], "cat");
    assert_eq!(events[0]["context"]["note"], "two\nlines");
    assert_eq!(of_kind(&events, "root").len(), 3);
    let objects = of_kind(&events, "object");
    assert_eq!(events[0]["objects"], objects.len());
    let end = events.last().unwrap();
    assert_eq!(
        *end,
        expected!({"event": "end", "objects": objects.len(), "cut": false})
    );
    assert!(of_kind(&events, "diagnostic")[0]["reason"].is_string());
}

#[test]
fn values_are_what_they_are_in_c() {
    let events = events(&image(), &Options::default());
    let objects = of_kind(&events, "object");
    let file = &objects
        .iter()
        .find(|event| event["type"] == "struct file")
        .unwrap()["value"];
    assert_eq!(file["f_mode"], 0x4_801d);
    assert_eq!(file["bits"], expected!({"low": 5, "high": 22}));
    assert_eq!(file["numbers"], expected!([1, 1, 1, 1, 1, 2, 0, 0]));
    assert_eq!(file["number"], 0x1_0000_0007u64, "of an unnamed union");
    assert_eq!(file["f_path"]["mnt"]["delta"], 16);
    assert_eq!(file["lost"]["address"], "0xffff88800fff0000");
    assert_eq!(file["lost"]["reason"], "unreadable memory");
    let task = objects
        .iter()
        .find(|event| event["path"] == "task")
        .unwrap();
    assert_eq!(task["value"]["comm"], "init");
    assert_eq!(
        task["value"]["state"],
        expected!({"enum": "RUNNING", "value": 0})
    );
    let children = &task["value"]["children"];
    assert_eq!(children["by"], "sibling");
    assert_eq!(children["complete"], true);
    let second = children["objects"][1].as_u64().unwrap() as usize;
    assert_eq!(objects[second]["object"], second);
    assert_eq!(objects[second]["value"]["comm"], "cat");
}

#[test]
fn arguments_that_are_no_roots_are_told_as_they_were_passed() {
    let all = events(&image(), &Options::default());
    let told = [
        expected!({"event": "argument", "name": "mode", "type": "unsigned int", "value": 7}),
        expected!({"event": "argument", "name": "wanted", "type": "enum state",
                   "value": {"enum": "SLEEPING | STOPPED", "value": 5}}),
    ];
    let arguments = of_kind(&all, "argument");
    assert_eq!(arguments[..2], told.iter().collect::<Vec<_>>());
    let other = arguments[2];
    assert_eq!(other["name"], "other");
    let object = other["value"]["object"].as_u64().unwrap();
    let objects = of_kind(&all, "object");
    assert_eq!(objects[object as usize]["type"], "struct dentry");
    let first_root = all.iter().position(|event| event["event"] == "root");
    assert!(all[..first_root.unwrap()].contains(&told[1]));
    let path = Options {
        path: Some("mode".to_owned()),
        ..Options::default()
    };
    let alone = events(&image(), &path);
    assert_eq!(alone[1], told[0]);
    assert_eq!(
        alone[2],
        expected!({"event": "end", "objects": 0, "cut": false})
    );
}

#[test]
fn a_path_selects_a_value_and_what_is_near() {
    let at = |path: &str, depth| Options {
        path: Some(path.to_owned()),
        depth: Some(depth),
        ..Options::default()
    };
    let near = events(&image(), &at("file.f_path.dentry->d_name", 1));
    let value = of_kind(&near, "value")[0];
    assert_eq!(value["type"], "struct qstr");
    assert_eq!(value["value"]["name"]["text"], "hostname");
    assert_eq!(of_kind(&near, "object").len(), 1);
    let alone = events(&image(), &at("file.f_path.dentry->d_name", 0));
    assert!(of_kind(&alone, "object").is_empty());
}

#[test]
fn errors_are_events_too() {
    let options = Options {
        path: Some("file.nothing".to_owned()),
        ..Options::default()
    };
    let mut out = Vec::new();
    let error = json(&image(), &options, &mut out).unwrap_err();
    assert!(matches!(error, JsonError::Path(_)));
    let event: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(event["event"], "error");
    assert_eq!(event["message"], error.to_string());
}

#[test]
fn an_image_without_types_is_told_as_bytes() {
    let (bytes, _) = captured();
    let image = Image::open(bytes).unwrap();
    let events = events(&image, &Options::default());
    assert_eq!(events[0]["typed"], false);
    let objects = of_kind(&events, "object");
    assert_eq!(objects.len() as u64, image.header().mcount);
    assert!(
        objects
            .iter()
            .all(|event| event["value"]["bytes"].is_string())
    );
}

#[test]
fn elements_that_are_left_out_are_admitted() {
    let options = Options {
        elements: Some(2),
        ..Options::default()
    };
    let events = events(&image(), &options);
    let objects = of_kind(&events, "object");
    let file = objects
        .iter()
        .find(|event| event["type"] == "struct file")
        .unwrap();
    assert_eq!(file["value"]["numbers"], expected!([1, 1]));
    assert_eq!(events.last().unwrap()["cut"], true);
}
