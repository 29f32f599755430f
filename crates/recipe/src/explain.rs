//! What a recipe follows, in words.

use std::fmt::Write as _;

use kflat_abi::program::{self as abi, ACTION_KEEP, ACTION_USER, NONE};
use kflat_btf::{Kind, TypeId};

use crate::diagnostics::{Source, Span};
use crate::encode::NamedRoot;
use crate::names::pointee;
use crate::syntax::{How, Recipe};
use crate::views::{Body, PathAction, View, Views};

/// Which call of its function a recipe captures.
pub(crate) fn event(target: &str, recipe: &Recipe, sources: &[Source]) -> String {
    let mut event = match recipe.at_return {
        true => format!("{target} returns"),
        false => format!("{target} is called"),
    };
    if let Some(when) = &recipe.when {
        let Span { start, length, .. } = when.span;
        let source = sources.get(when.span.source);
        let written = source.and_then(|source| source.text.get(start..start + length));
        let words: Vec<&str> = written.unwrap_or_default().split_whitespace().collect();
        let _ = write!(event, " and `{}`", words.join(" "));
    }
    if let Some(nth) = &recipe.nth {
        let _ = write!(event, " for the {} time", ordinal(nth.value));
    }
    event
}

fn ordinal(number: u32) -> String {
    let end = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{end}")
}

/// Describes one recipe.
pub(crate) fn recipe(
    out: &mut String,
    event: &str,
    recipe: &Recipe,
    roots: &[NamedRoot],
    views: &Views<'_>,
) {
    let _ = writeln!(out, "When {event}, this is captured:\n");
    let rows = roots.iter().map(|root| {
        let name = root.name.as_deref().unwrap_or("(unnamed)");
        (name.to_owned(), described(&root.action, views))
    });
    table(out, rows.collect());
    for view in &views.views {
        describe_view(out, view, views);
    }
    let limits = recipe.limits;
    let rows: Vec<(String, String)> = [
        ("depth", limits.depth.map(u64::from)),
        ("objects", limits.objects.map(u64::from)),
        ("bytes", limits.bytes),
        ("elements", limits.elements.map(u64::from)),
        ("string", limits.string.map(u64::from)),
        ("time in ns", limits.time_ns),
    ]
    .into_iter()
    .filter_map(|(name, limit)| Some((name.to_owned(), limit?.to_string())))
    .collect();
    if !rows.is_empty() {
        out.push_str("\nIt ends early, and says so, at these limits:\n\n");
        table(out, rows);
    }
}

fn describe_view(out: &mut String, view: &View<'_>, views: &Views<'_>) {
    let missing = not_followed(view, views);
    let (functions, others): (Vec<&PathAction>, Vec<&PathAction>) =
        (view.actions.iter()).partition(|found| found.action.op == abi::OP_FUNCTION);
    let mut rows: Vec<(String, String)> = (others.iter())
        .map(|action| (shown(&action.path).to_owned(), described(action, views)))
        .collect();
    if let Some(tail) = view.tail {
        let target = name(views, tail.target);
        rows.push((
            "(flexible array)".to_owned(),
            format!("its elements, {target}"),
        ));
    }
    if rows.is_empty() && missing.is_empty() && functions.is_empty() {
        return;
    }
    let way = match view.body {
        Body::Flat => ", a hub that is captured but not crossed",
        Body::Members(_) | Body::Way(_) if view.environment == 0 => {
            ", by a rule for this way to it"
        }
        _ if view.node.is_some() => ", as a node of a tree",
        _ => "",
    };
    let _ = writeln!(out, "\n{}{way}\n", view.name);
    table(out, rows);
    if let Some(names) = listed(&functions) {
        let _ = writeln!(out, "  functions, by their symbols: {names}");
    }
    for (why, members) in missing {
        let _ = writeln!(out, "  not followed, {why}: {}", members.join(", "));
    }
}

/// Function pointers, of which a type may have very many.
fn listed(functions: &[&PathAction]) -> Option<String> {
    const MOST: usize = 3;
    let names: Vec<&str> = (functions.iter().take(MOST))
        .map(|found| shown(&found.path))
        .collect();
    let more = functions.len().saturating_sub(MOST);
    match (names.is_empty(), more) {
        (true, _) => None,
        (_, 0) => Some(names.join(", ")),
        (_, more) => Some(format!("{} and {more} more", names.join(", "))),
    }
}

/// Pointers that nothing is done with, by the reason.
fn not_followed(view: &View<'_>, views: &Views<'_>) -> Vec<(&'static str, Vec<String>)> {
    let btf = views.btf;
    let mut found: Vec<(&'static str, Vec<String>)> = vec![
        ("of unknown type", Vec::new()),
        ("a link whose head is elsewhere", Vec::new()),
        ("no rule names them", Vec::new()),
        ("the recipe says skip", Vec::new()),
    ];
    if matches!(view.body, Body::Flat) || btf.composite(view.of).is_none() {
        return Vec::new();
    }
    let skipped = skipped(view, views);
    for (name, field) in btf.fields(view.of) {
        let Some(at) = field.offset() else { continue };
        let size = btf.size(field.of).unwrap_or(0);
        let done = view.actions.iter().any(|found| {
            let offset = u64::from(found.action.offset);
            offset >= at && offset < at + size.max(1)
        });
        if done {
            continue;
        }
        let to = pointee(btf, field.of);
        if skipped.contains(&name) || to.is_some_and(|to| views.is_skipped(to)) {
            found[3].1.push(name.to_owned());
            continue;
        }
        let of = btf.name(btf.resolve(field.of));
        match to {
            Some(to) if to == TypeId::VOID || btf.size(to).is_none() => {
                found[0].1.push(name.to_owned());
            }
            Some(to) if matches!(btf.kind(to), Kind::Prototype { .. }) => {}
            Some(_) => found[2].1.push(name.to_owned()),
            None if of.ends_with("list_head") || of.ends_with("list_node") || of == "rb_node" => {
                found[1].1.push(name.to_owned());
            }
            None => {}
        }
    }
    found.retain(|(_, members)| !members.is_empty());
    found
}

/// Members that the view's rule skips.
fn skipped<'a>(view: &View<'a>, views: &Views<'a>) -> Vec<&'a str> {
    let rule = match view.body {
        Body::Members(members) => members.iter().collect(),
        Body::Type => views.rule(view.of),
        Body::Flat | Body::Way(_) | Body::Made => Vec::new(),
    };
    (rule.into_iter())
        .filter(|member| matches!(member.treatment.how, How::Skip))
        .map(|member| member.path.value.as_str())
        .collect()
}

/// What an action does.
fn described(found: &PathAction, views: &Views<'_>) -> String {
    let action = found.action;
    let target = name(views, action.target);
    let many = match action.count.kind {
        abi::OPERAND_CONSTANT if action.count.value == 1 => target.clone(),
        abi::OPERAND_CONSTANT => format!("{} x {target}", action.count.value),
        abi::OPERAND_UNTIL => format!("{target}, up to a last one"),
        _ => format!("{target}, as many as the recipe counts"),
    };
    let mut text = match action.op {
        abi::OP_POINTER if found.extra.start != NONE => format!("the whole object, as {target}"),
        abi::OP_POINTER if action.shift != 0 => format!("the {target} around it"),
        abi::OP_POINTER => many,
        abi::OP_STRING => "a string".to_owned(),
        abi::OP_FUNCTION => "a function, by its symbol".to_owned(),
        abi::OP_EMBED => match views.views.get(action.target as usize) {
            // A head that has a rule of its own.
            Some(View { actions, .. }) if actions.len() == 1 && actions[0].path.is_empty() => {
                described(&actions[0], views)
            }
            _ => format!("{many} lies here"),
        },
        abi::OP_LIST..=abi::OP_CHAIN => format!("a list of {target}"),
        abi::OP_PER_CPU => format!("{many} of each CPU"),
        abi::OP_CHOICE => {
            let mut ways: Vec<String> = Vec::new();
            for case in &found.cases {
                let way = match &case.action {
                    Some(action) if action.path == found.path => described(action, views),
                    Some(action) => {
                        format!("{}: {}", shown(&action.path), described(action, views))
                    }
                    None => "nothing".to_owned(),
                };
                if !ways.contains(&way) {
                    ways.push(way);
                }
            }
            format!("one of: {}", ways.join("; "))
        }
        _ => String::new(),
    };
    for (is, word) in [
        (action.tag_mask != 0, "without its tag"),
        (found.extra.decode != NONE, "decoded"),
        (action.flags & ACTION_USER != 0, "in memory of the process"),
        (action.flags & ACTION_KEEP != 0, "the word keeps its value"),
        (found.extra.condition != NONE, "under a condition"),
    ] {
        if is {
            let _ = write!(text, ", {word}");
        }
    }
    text
}

fn shown(path: &str) -> &str {
    match path {
        "" => "(the word)",
        path => path,
    }
}

fn name(views: &Views<'_>, target: u32) -> String {
    let view = views.views.get(target as usize);
    match view.map(|view| view.name.as_str()) {
        Some("void") => "bytes".to_owned(),
        Some(name) => name.to_owned(),
        None => String::new(),
    }
}

fn table(out: &mut String, rows: Vec<(String, String)>) {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, what) in rows {
        let _ = writeln!(out, "  {name:<width$}  {what}");
    }
}
