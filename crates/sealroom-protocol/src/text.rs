//! Text from elsewhere that somebody will look at: nothing in it may move a cursor, colour a line, or
//! reorder what stands around it.

/// Whether a character shows something else than itself: control characters, line breaks among them,
/// and the ones that change the direction or visibility of text (Unicode TR 36).
#[must_use]
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text with every such character replaced.
#[must_use]
pub fn visible(text: &str) -> String {
    text.chars().map(|c| if is_deceptive(c) { '\u{fffd}' } else { c }).collect()
}

/// What every name that is kept as text can do: a tuple struct around a `String` that `FromStr` alone makes.
macro_rules! text_type {
    ($($name:ident)*) => {$(
        impl $name {
            /// It as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

pub(crate) use text_type;

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn what_could_deceive_is_replaced_and_the_rest_stays() {
        assert_eq!(visible("Zürich 東京 – 3 €"), "Zürich 東京 – 3 €");
        for bad in ["\u{1b}[2K", "a\nb", "a\rb", "a\u{202e}b", "a\u{9b}b", "a\u{200b}b", "\u{7f}"] {
            assert!(visible(bad).contains('\u{fffd}'), "{bad:?}");
        }
    }
}
