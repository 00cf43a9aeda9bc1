//! Safety words: three BIP-39 words that the owner tells the participants out of band.
//!
//! They turn into a key that every participant releases beside its own. The enclave compares those
//! keys, so a server that plays a participant itself has to guess the words: three of 2048 are 33
//! bits, stretched by PBKDF2, with one guess for each time that everybody releases a key.
//! The derivation is that of the 2022 client (`docs/formats.md`, "Safety words").

use crate::{Digest, PreSharedKey};
use aws_lc_rs::pbkdf2;
use std::{fmt, num::NonZeroU32, str::FromStr};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// PBKDF2 rounds, as the 2022 client has them.
const ROUNDS: NonZeroU32 = NonZeroU32::new(390_000).expect("not zero");

/// How many words there are.
pub const COUNT: usize = 3;

/// Three words, lower case. Which words exist is the business of whoever makes them: the same words
/// in the same order give the same key, whatever the list.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SafetyWords(String);

/// Why a text is no safety words.
#[derive(Debug, thiserror::Error)]
#[error("safety words are three words of letters, joined by `-` or spaces")]
pub struct ParseWordsError;

impl SafetyWords {
    /// The words joined by `-`: for the owner to pass on, and for nobody else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The pre-shared key of these words for one computation:
    /// PBKDF2-HMAC-SHA256(word ‖ word ‖ word, SHA-256(uuid), 390,000 rounds, 32 bytes).
    #[must_use]
    pub fn pre_shared_key(&self, uuid: &[u8; 16]) -> PreSharedKey {
        let words = Zeroizing::new(self.0.replace('-', ""));
        let salt = Digest::of(uuid);
        let mut key = Zeroizing::new([0; 32]);
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            ROUNDS,
            salt.as_bytes(),
            words.as_bytes(),
            key.as_mut_slice(),
        );
        PreSharedKey::from_bytes(&key)
    }
}

impl FromStr for SafetyWords {
    type Err = ParseWordsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words: Vec<&str> =
            text.split(|c: char| c == '-' || c.is_whitespace()).filter(|w| !w.is_empty()).collect();
        let letters =
            words.iter().all(|w| w.len() <= 32 && w.bytes().all(|b| b.is_ascii_alphabetic()));
        if words.len() != COUNT || !letters {
            return Err(ParseWordsError);
        }
        Ok(Self(words.join("-").to_ascii_lowercase()))
    }
}

impl fmt::Debug for SafetyWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SafetyWords(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::SafetyWords;

    /// Made by the 2022 client.
    #[test]
    fn the_key_is_that_of_the_2022_client() {
        let mut uuid = [0; 16];
        hex::decode_to_slice("0f0e0d0c0b0a09080706050403020100", &mut uuid).unwrap();
        for text in ["cargo-error-thank", "cargo error thank", " Cargo  ERROR thank\n"] {
            let words: SafetyWords = text.parse().unwrap();
            assert_eq!(
                *words.pre_shared_key(&uuid).to_hex(),
                "68bbe88a2695ab0b59e7fe4e5db59554df1ad2fceb6451c028175491f4b269d9",
                "{text}"
            );
        }
    }

    #[test]
    fn order_and_number_matter() {
        let key = |text: &str| text.parse::<SafetyWords>().unwrap().pre_shared_key(&[0; 16]);
        assert_ne!(key("cargo-error-thank"), key("error-cargo-thank"));
        for bad in
            ["", "cargo error", "cargo error thank you", "cargo err0r thank", "c\u{e4}rgo a b"]
        {
            assert!(bad.parse::<SafetyWords>().is_err(), "{bad}");
        }
    }

    #[test]
    fn words_do_not_print() {
        let words: SafetyWords = "cargo-error-thank".parse().unwrap();
        assert_eq!(format!("{words:?}"), "SafetyWords(..)");
    }
}
