//! What may be said of an error that a tool explains: no credentials, no folders of this machine, no characters
//! that show something else than they are.

use sealroom_protocol::text::is_deceptive;
use std::{ffi::OsString, path::Path};

/// Stands where credentials stood.
const HIDDEN: &str = "****";

/// The text with the user and password of every address in it replaced.
pub(crate) fn without_credentials(text: &str) -> String {
    let (mut clean, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + "://".len());
        clean.push_str(before);
        // The authority ends where the path begins. An `@` in it ends the credentials, the last one if a
        // password has one.
        let ends = |c: char| c == '/' || c == '?' || c == '#' || c.is_whitespace() || c == '`';
        let end = after.find(ends).unwrap_or(after.len());
        rest = match after[..end].rfind('@') {
            Some(at) => {
                clean.push_str(HIDDEN);
                &after[at..]
            }
            None => after,
        };
    }
    clean.push_str(rest);
    clean
}

/// What is taken out of texts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Redact {
    secrets: Vec<String>,
    folders: Vec<String>,
}

impl Redact {
    /// `environment` is what the tool was given: its secrets are not repeated.
    pub(crate) fn new(environment: &[(OsString, OsString)], folders: &[&Path]) -> Self {
        let is_secret = |name: &str| {
            ["PASSWORD", "TOKEN", "SECRET", "USERNAME"].iter().any(|word| name.contains(word))
        };
        let secrets = environment.iter().filter_map(|(name, value)| {
            let secret = is_secret(name.to_str()?).then_some(value)?;
            // A shorter one would take letters out of words.
            (secret.len() >= 4).then(|| secret.to_str().map(str::to_owned))?
        });
        let folders = folders.iter().filter_map(|folder| folder.to_str());
        Self {
            secrets: secrets.collect(),
            folders: folders.filter(|folder| folder.len() > 1).map(str::to_owned).collect(),
        }
    }

    /// The text as it may be shown; line breaks stay.
    pub(crate) fn clean(&self, text: &str) -> String {
        let mut text = without_escapes(text);
        for secret in &self.secrets {
            text = text.replace(secret.as_str(), HIDDEN);
        }
        for folder in &self.folders {
            text = text.replace(&format!("{folder}/"), "").replace(folder.as_str(), ".");
        }
        without_credentials(&text)
            .chars()
            .map(|c| if c != '\n' && is_deceptive(c) { '\u{fffd}' } else { c })
            .collect()
    }
}

/// Colours and such are left out whole: of a text that has them, more than boxes is readable then.
fn without_escapes(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| c.is_ascii_alphabetic()).map_or(0, |at| at + 1);
        clean.push_str(&part[end..]);
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn credentials_are_taken_out_of_addresses() {
        for (text, clean) in [
            ("at https://u:p@h/x and", "at https://****@h/x and"),
            ("https://token@h", "https://****@h"),
            ("`http://u:p@ss@h:1/a@b`", "`http://****@h:1/a@b`"),
            ("https://h/x@y", "https://h/x@y"),
            ("a@b://c", "a@b://c"),
            ("://", "://"),
            ("x http://a:b@c http://d:e@f", "x http://****@c http://****@f"),
        ] {
            assert_eq!(without_credentials(text), clean);
        }
    }

    #[test]
    fn secrets_folders_and_controls_are_taken_out() {
        let environment = [("UV_INDEX_CORP_PASSWORD".into(), "hunter2".into())];
        let redact = Redact::new(&environment, &[Path::new("/tmp/x1")]);
        let text = "\u{1b}[31merror\u{1b}[0m: /tmp/x1/requirements.txt at /tmp/x1 with hunter2\r\n\u{202e}b";
        assert_eq!(redact.clean(text), "error: requirements.txt at . with ****\u{fffd}\n\u{fffd}b");
    }

    proptest! {
        #[test]
        fn no_password_stays(
            user in "[a-z]{0,5}", password in "[a-zA-Z0-9:@!$%._-]{6,20}", host in "[a-z]{1,9}", before: String
        ) {
            let text = format!("{before} https://{user}:{password}@{host}/simple/");
            let clean = without_credentials(&text);
            let from = clean.rfind("https://").unwrap();
            prop_assert_eq!(&clean[from..], &format!("https://****@{host}/simple/"));
        }

        #[test]
        fn no_text_makes_it_panic(text: String) {
            let clean = Redact::default().clean(&text);
            prop_assert!(!clean.chars().any(|c| c != '\n' && is_deceptive(c)));
        }
    }
}
