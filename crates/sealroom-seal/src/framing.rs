//! Unambiguous concatenation for hashing, signing and associated data.

/// Each field behind its length as an unsigned 32-bit big-endian integer (design, section 6), so
/// that no two different lists of fields give the same bytes.
///
/// # Panics
/// When a field is 4 GiB or longer; the fields framed here are keys, digests and names.
#[must_use]
pub fn framed(fields: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::with_capacity(fields.iter().map(|f| f.len() + 4).sum());
    for field in fields {
        let length = u32::try_from(field.len()).expect("framed fields are short");
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(field);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::framed;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn different_fields_never_give_the_same_bytes(
            a: Vec<Vec<u8>>, b: Vec<Vec<u8>>
        ) {
            let frame = |v: &[Vec<u8>]| framed(&v.iter().map(Vec::as_slice).collect::<Vec<_>>());
            prop_assert_eq!(a == b, frame(&a) == frame(&b));
        }
    }

    #[test]
    fn a_moved_border_changes_the_bytes() {
        assert_ne!(framed(&[b"ab", b"c"]), framed(&[b"a", b"bc"]));
        assert_eq!(framed(&[b"ab"]), [0, 0, 0, 2, b'a', b'b']);
    }
}
