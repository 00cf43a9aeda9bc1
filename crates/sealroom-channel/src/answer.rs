//! What the enclave says: a length (32 bits, big endian) and so many bytes of canonical JSON.

use crate::MAX_ANSWER;
use sealroom_protocol::{Digest, Evidence, IdentityKeys};
use serde::{Deserialize, Serialize};
use std::io::{self, Read};

/// The enclave's answer.
///
/// It names the manifest by its digest alone: who takes part is not for everybody who finds the port, and a participant
/// has read, and hashes, the text itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// SHA-256 of the manifest's canonical text.
    pub manifest: Digest,
    /// The identity's keys.
    pub keys: IdentityKeys,
    /// Made for [`Binding::report_data`](crate::Binding::report_data).
    pub evidence: Evidence,
}

/// Why an answer can't be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// Longer than any answer is.
    #[error("the answer has {found} bytes, at most {MAX_ANSWER} can be")]
    TooLong {
        /// Its length, by its own word.
        found: usize,
    },
    /// Shorter than it says.
    #[error("the answer ends after {found} of {promised} bytes")]
    Cut {
        /// Bytes that came.
        found: usize,
        /// Bytes that it says it has.
        promised: usize,
    },
    /// Not an answer.
    #[error("the answer can't be read")]
    Json(#[from] serde_json::Error),
    /// Another writing of an answer: only one counts, so that nothing is hidden in it.
    #[error("the answer is not in its canonical form")]
    NotCanonical,
    /// The connection fails.
    #[error("the answer does not arrive")]
    Read(#[source] io::Error),
}

impl Answer {
    /// Length and text.
    ///
    /// # Errors
    /// [`AnswerError::TooLong`].
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, AnswerError> {
        let text = self.canonical()?;
        let found = text.len();
        let length = u32::try_from(found).ok().filter(|_| found <= MAX_ANSWER);
        let length = length.ok_or(AnswerError::TooLong { found })?;
        Ok([&length.to_be_bytes()[..], &text].concat())
    }

    /// Reads one; memory grows with what arrives, not with what is announced.
    pub(crate) fn read(from: &mut impl Read) -> Result<Self, AnswerError> {
        let mut length = [0; 4];
        from.read_exact(&mut length).map_err(AnswerError::Read)?;
        let promised = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if promised > MAX_ANSWER {
            return Err(AnswerError::TooLong { found: promised });
        }
        let mut text = Vec::new();
        match from.take(promised as u64).read_to_end(&mut text) {
            Ok(found) if found == promised => Self::parse(&text),
            Ok(found) => Err(AnswerError::Cut { found, promised }),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(AnswerError::Cut { found: text.len(), promised })
            }
            Err(error) => Err(AnswerError::Read(error)),
        }
    }

    fn parse(text: &[u8]) -> Result<Self, AnswerError> {
        let answer: Self = serde_json::from_slice(text)?;
        if answer.canonical()? == text { Ok(answer) } else { Err(AnswerError::NotCanonical) }
    }

    fn canonical(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json_canonicalizer::to_vec(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::an_answer;

    #[test]
    fn an_answer_comes_back_as_it_was_sent() {
        let answer = an_answer();
        assert_eq!(Answer::read(&mut &answer.to_bytes().unwrap()[..]).unwrap(), answer);
    }

    #[test]
    fn only_the_canonical_form_is_an_answer() {
        let text = String::from_utf8(an_answer().canonical().unwrap()).unwrap();
        let spoilt = [
            text.replacen('{', "{ ", 1),
            text.replacen("{\"evidence\":{", "{\"evidence\":{\"a\":1,", 1),
            text.replacen('{', "{\"a\":1,", 1),
            text.replacen("{\"evidence\"", "{\"evidence\":1,\"evidence\"", 1),
            text.replacen("\"kind\"", "\"kind\":\"snp\",\"kind\"", 1),
            text.to_uppercase(),
            text.replacen("simulated", "none", 1),
            String::new(),
            "[".repeat(1 << 20),
        ];
        for text in spoilt {
            let framed = [&u32::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()];
            let read = Answer::read(&mut &framed.concat()[..]);
            let short: String = text.chars().take(80).collect();
            assert!(
                matches!(read, Err(AnswerError::Json(_) | AnswerError::NotCanonical)),
                "{short}"
            );
        }
    }

    #[test]
    fn an_answer_that_is_cut_anywhere_or_too_long_is_none() {
        let whole = an_answer().to_bytes().unwrap();
        for end in 0..whole.len() {
            let read = Answer::read(&mut &whole[..end]);
            assert!(matches!(read, Err(AnswerError::Read(_) | AnswerError::Cut { .. })), "{end}");
        }
        let read = Answer::read(&mut io::repeat(0xff));
        assert!(matches!(read, Err(AnswerError::TooLong { .. })));
        let mut long = an_answer();
        long.evidence.quote.0 = vec![0; MAX_ANSWER];
        assert!(matches!(long.to_bytes(), Err(AnswerError::TooLong { .. })));
    }
}
