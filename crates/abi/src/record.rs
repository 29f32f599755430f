//! Fixed-size little-endian records: one declaration gives the struct, its
//! encoding and its decoding, without `unsafe` and without a reachable panic.

/// A value that takes a fixed number of bytes, little-endian, unpadded.
pub trait Record: Sized {
    /// Bytes of the encoding.
    const SIZE: usize;
    /// The value whose every byte is zero.
    const ZERO: Self;

    /// Decodes from the start of `bytes`; `None` if they are too few.
    fn decode(bytes: &[u8]) -> Option<Self>;

    /// Encodes to the start of `bytes`; `None` if they are too few.
    fn encode(&self, bytes: &mut [u8]) -> Option<()>;
}

macro_rules! integers {
    ($($ty:ty),*) => {$(
        impl Record for $ty {
            const SIZE: usize = size_of::<$ty>();
            const ZERO: Self = 0;

            #[inline]
            fn decode(bytes: &[u8]) -> Option<Self> {
                Some(Self::from_le_bytes(*bytes.first_chunk()?))
            }

            #[inline]
            fn encode(&self, bytes: &mut [u8]) -> Option<()> {
                *bytes.first_chunk_mut()? = self.to_le_bytes();
                Some(())
            }
        }
    )*};
}
integers!(u8, i8, u16, i16, u32, i32, u64, i64);

impl<T: Record + Copy, const N: usize> Record for [T; N] {
    const SIZE: usize = N * T::SIZE;
    const ZERO: Self = [T::ZERO; N];

    #[inline]
    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut all = Self::ZERO;
        let mut rest = bytes;
        for value in &mut all {
            *value = T::decode(rest)?;
            rest = rest.get(T::SIZE..)?;
        }
        Some(all)
    }

    #[inline]
    fn encode(&self, bytes: &mut [u8]) -> Option<()> {
        let mut rest = bytes;
        for value in self {
            value.encode(rest)?;
            rest = rest.get_mut(T::SIZE..)?;
        }
        Some(())
    }
}

/// Declares a struct of integers, arrays and other records as a [`Record`].
macro_rules! record {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident, $size:literal bytes {
            $($(#[$field_meta:meta])* $field:ident: $ty:ty,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis struct $name {
            $($(#[$field_meta])* pub $field: $ty,)*
        }

        impl $crate::record::Record for $name {
            const SIZE: usize = 0 $(+ <$ty as $crate::record::Record>::SIZE)*;
            const ZERO: Self = Self { $($field: <$ty as $crate::record::Record>::ZERO,)* };

            #[inline]
            fn decode(bytes: &[u8]) -> Option<Self> {
                // One length check lets the compiler drop those of the fields.
                let mut _rest = bytes.get(..Self::SIZE)?;
                $(
                    let $field = <$ty as $crate::record::Record>::decode(_rest)?;
                    _rest = _rest.get(<$ty as $crate::record::Record>::SIZE..)?;
                )*
                Some(Self { $($field,)* })
            }

            #[inline]
            fn encode(&self, bytes: &mut [u8]) -> Option<()> {
                let mut _rest = bytes.get_mut(..Self::SIZE)?;
                $(
                    $crate::record::Record::encode(&self.$field, _rest)?;
                    _rest = _rest.get_mut(<$ty as $crate::record::Record>::SIZE..)?;
                )*
                Some(())
            }
        }

        impl Default for $name {
            fn default() -> Self {
                <Self as $crate::record::Record>::ZERO
            }
        }

        const _: () = assert!(<$name as $crate::record::Record>::SIZE == $size);
    };
}
pub(crate) use record;

#[cfg(test)]
mod tests {
    use super::Record;

    record! {
        /// A record of every shape.
        struct Sample, 15 bytes {
            /// A byte.
            a: u8,
            /// A signed word.
            b: i32,
            /// An array.
            c: [u16; 5],
        }
    }

    #[test]
    fn what_was_encoded_is_decoded() {
        let sample = Sample {
            a: 1,
            b: -2,
            c: [3, 4, 5, 6, 0xffff],
        };
        let mut bytes = [0; 16];
        assert_eq!(sample.encode(&mut bytes), Some(()));
        assert_eq!(Sample::decode(&bytes), Some(sample));
        assert_eq!(bytes[15], 0);
    }

    #[test]
    fn too_few_bytes_are_refused() {
        assert_eq!(Sample::decode(&[0; 14]), None);
        assert_eq!(Sample::default().encode(&mut [0; 14]), None);
    }
}
