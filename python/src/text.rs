//! Strings in an image.

use kflat_btf::{Kind, TypeId};
use kflat_image::typed::{Shape, Typed, Value};

use crate::place::{Lost, Place};

/// The bytes of the string that `place` is, or leads to, without its NUL. `None`:
/// it is neither `char *` nor `char []`.
pub(crate) fn string<'i>(typed: &Typed<'i>, place: &Place) -> Option<Result<&'i [u8], Lost>> {
    characters(typed, place, |of| typed.is_char(of))
}

/// As [`string`], of any integers of one byte: the kernel has text in `u8 []` too.
pub(crate) fn octets<'i>(typed: &Typed<'i>, place: &Place) -> Option<Result<&'i [u8], Lost>> {
    characters(typed, place, |of| {
        let btf = typed.btf();
        matches!(btf.kind(btf.resolve(of)), Kind::Int(int) if int.size == 1)
    })
}

fn characters<'i>(
    typed: &Typed<'i>,
    place: &Place,
    is_char: impl Fn(TypeId) -> bool,
) -> Option<Result<&'i [u8], Lost>> {
    if let Some(value) = place.value()
        && let Shape::Array { element, count } = typed.shape(value)
    {
        return is_char(element).then(|| {
            let size = match count {
                0 => value.end.saturating_sub(value.offset),
                count => count,
            };
            until_nul(typed, value, size)
        });
    }
    let aim = match place.aim(typed)? {
        Ok(aim) => aim,
        Err(lost) => return Some(Err(lost)),
    };
    let to = place.pointee(typed)?;
    if !aim.is_string && !is_char(to) && !is_char(aim.value.of) {
        return None;
    }
    let start = aim.value.offset.saturating_add_signed(aim.delta);
    let value = Value {
        offset: start,
        ..aim.value
    };
    Some(until_nul(
        typed,
        &value,
        aim.value.end.saturating_sub(start),
    ))
}

fn until_nul<'i>(typed: &Typed<'i>, value: &Value, size: u64) -> Result<&'i [u8], Lost> {
    let bytes = typed.bytes(value, size).ok_or(Lost::Cut)?;
    let end = bytes.iter().position(|byte| *byte == 0);
    Ok(bytes.get(..end.unwrap_or(bytes.len())).unwrap_or(bytes))
}
