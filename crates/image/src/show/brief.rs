//! A value in a few words: what [`show`](super::show()) prints of one, without what
//! its pointers lead to.

use kflat_btf::{Kind, TypeId};

use super::printer::{clean, is_text, quoted};
use super::tree::scalar;
use crate::typed::{Pointer, Shape, Typed, Value};

/// A value that is no structure, in words fit for a terminal; of a string or of
/// bytes so many.
#[must_use]
pub fn brief(typed: &Typed<'_>, value: &Value, most: usize) -> String {
    match typed.shape(value) {
        Shape::Pointer(pointer) => self::pointer(typed, &pointer, most),
        Shape::Array { element, count } => array(typed, value, element, count, most),
        shape => scalar(&shape).1,
    }
}

fn pointer(typed: &Typed<'_>, pointer: &Pointer<'_>, most: usize) -> String {
    match pointer {
        Pointer::Null => "NULL".to_owned(),
        Pointer::Function("") => "a function without a symbol".to_owned(),
        Pointer::Function(symbol) => clean(symbol),
        Pointer::Outside(address) => format!("{address:#x}"),
        Pointer::Inside { target, aim } => {
            if let Some(aim) = aim.filter(|aim| aim.is_string) {
                let rest = aim.value.end.saturating_sub(*target);
                let start = Value {
                    offset: *target,
                    ..aim.value
                };
                return text(typed.bytes(&start, rest).unwrap_or(&[]), most);
            }
            match typed.image().address(*target) {
                Some(address) => format!("{address:#x}"),
                None => format!("memory + {target:#x}"),
            }
        }
    }
}

fn array(typed: &Typed<'_>, value: &Value, element: TypeId, count: u64, most: usize) -> String {
    let btf = typed.btf();
    let size = btf.size(element).unwrap_or(1);
    let Some(bytes) = (size.checked_mul(count)).and_then(|length| typed.bytes(value, length))
    else {
        return "/* not captured */".to_owned();
    };
    let is_byte = size == 1 && matches!(btf.kind(btf.resolve(element)), Kind::Int(_));
    let end = bytes.iter().position(|byte| *byte == 0);
    let start = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or(bytes);
    if is_byte && (typed.is_char(element) || start.len() > 2) && is_text(start) {
        return text(bytes, most);
    }
    let shown = bytes.iter().take(most).map(|byte| format!("{byte:02x}"));
    let more = if bytes.len() > most { " …" } else { "" };
    shown.collect::<Vec<_>>().join(" ") + more
}

/// Bytes up to a NUL.
fn text(bytes: &[u8], most: usize) -> String {
    let end = bytes.iter().position(|byte| *byte == 0);
    quoted(
        bytes.get(..end.unwrap_or(bytes.len())).unwrap_or(bytes),
        most,
    )
}
