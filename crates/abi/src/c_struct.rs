//! One definition for both languages: a `#[repr(C)]` struct that can also
//! print itself as C (see `header`).

/// Declares a struct that crosses the `ioctl` boundary.
///
/// Each field gives its Rust type, its value in [`zeroed`](#method.zeroed) and
/// its C declaration. `size_of` is asserted, so a slip in either language does
/// not compile.
macro_rules! c_struct {
    (
        $(#[doc = $doc:literal])*
        pub struct $name:ident = $c_name:literal, $size:literal bytes {
            $(
                $(#[doc = $field_doc:literal])*
                $field:ident: $ty:ty = $zero:expr => $c_decl:literal,
            )*
        }
    ) => {
        $(#[doc = $doc])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name {
            $($(#[doc = $field_doc])* pub $field: $ty,)*
        }

        impl $name {
            /// The struct with every byte zero.
            #[must_use]
            pub const fn zeroed() -> Self {
                Self { $($field: $zero,)* }
            }
        }

        const _: () = assert!(size_of::<$name>() == $size);

        #[cfg(feature = "header")]
        impl $crate::header::CStruct for $name {
            const NAME: &'static str = $c_name;
            const DOC: &'static [&'static str] = &[$($doc),*];
            const FIELDS: &'static [(&'static str, &'static [&'static str])] =
                &[$(($c_decl, &[$($field_doc),*])),*];
        }
    };
}
