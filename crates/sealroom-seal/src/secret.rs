//! Keys as types: wiped on drop, compared in constant time, never printed or serialised by accident.
//!
//! ```compile_fail
//! let key = sealroom_seal::FileKey::random();
//! println!("{key}");
//! ```
//! ```compile_fail
//! let key = sealroom_seal::FileKey::random();
//! fn wants_serialize<T: serde::Serialize>(_: &T) {}
//! wants_serialize(&key);
//! ```

use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

macro_rules! secret_key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        // Boxed: moving the key moves a pointer and leaves no copy of the bytes behind.
        #[derive(Clone, Zeroize, ZeroizeOnDrop)]
        pub struct $name(Box<[u8; 32]>);

        impl $name {
            /// Takes the bytes over. The caller's copy is the caller's to wipe.
            #[must_use]
            pub fn from_bytes(bytes: &[u8; 32]) -> Self {
                Self(Box::new(*bytes))
            }

            /// Lends the bytes out. Search for this name to see every use.
            #[must_use]
            pub fn expose(&self) -> &[u8; 32] {
                &self.0
            }

            /// The key as text for a file that only its owner can read.
            #[must_use]
            pub fn to_hex(&self) -> Zeroizing<String> {
                Zeroizing::new(hex::encode(self.0.as_slice()))
            }

            /// Reads what [`Self::to_hex`] wrote; `None` if it is anything else.
            #[must_use]
            pub fn from_hex(text: &str) -> Option<Self> {
                let mut key = Self(Box::new([0; 32]));
                hex::decode_to_slice(text, key.0.as_mut_slice()).ok()?;
                Some(key)
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                aws_lc_rs::constant_time::verify_slices_are_equal(&*self.0, &*other.0).is_ok()
            }
        }

        impl Eq for $name {}

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

secret_key! {
    /// The 32-byte key from which a participant's files get theirs (see [`crate::stream`]).
    FileKey
}

secret_key! {
    /// What the safety words turn into (see [`crate::words`]): equal for all who were told the words.
    PreSharedKey
}

impl FileKey {
    /// A fresh key.
    #[must_use]
    pub fn random() -> Self {
        let mut key = Self(Box::new([0; 32]));
        crate::fill_random(key.0.as_mut_slice());
        key
    }
}

#[cfg(test)]
mod tests {
    use super::FileKey;

    #[test]
    fn a_key_does_not_print() {
        let key = FileKey::from_bytes(&[0xab; 32]);
        assert_eq!(format!("{key:?}"), "FileKey(..)");
    }

    #[test]
    fn text_form_comes_back_equal_and_nothing_else_does() {
        let key = FileKey::random();
        assert_eq!(FileKey::from_hex(&key.to_hex()), Some(key));
        assert_eq!(FileKey::from_hex("00"), None);
    }
}
