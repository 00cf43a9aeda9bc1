//! Making safety words: three of the 2048 English words of BIP-39.

use sealroom_seal::{random, words::SafetyWords};

/// Three fresh words, each drawn evenly.
///
/// # Panics
/// Never: every word of the list is made of letters.
#[must_use]
pub fn generate() -> SafetyWords {
    let list = bip39::Language::English.word_list();
    let words: Vec<&str> = (0..sealroom_seal::words::COUNT)
        .map(|_| list[usize::from(u16::from_le_bytes(random())) % list.len()])
        .collect();
    words.join("-").parse().expect("BIP-39 words are letters")
}

#[cfg(test)]
mod tests {
    #[test]
    fn words_are_drawn_evenly_and_anew() {
        // 2¹⁶ is a multiple of 2048, so the remainder favours no word.
        assert_eq!(bip39::Language::English.word_list().len(), 2048);
        assert_ne!(super::generate().expose(), super::generate().expose());
    }
}
