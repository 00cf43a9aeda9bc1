//! Asking uv: which versions, with which hashes. It is never allowed to build anything, which would run what a package
//! brings.

use crate::{
    compiled::{Compiled, MAX_COMPILED},
    error::{Explanation, ResolveError},
    explain,
    target::Target,
    work::Work,
};
use sealroom_protocol::package::{PackageName, PackageVersion, Requester};
use std::{ffi::OsString, fs, path::PathBuf};

const CONSTRAINTS: &str = "base.txt";
/// Found by uv in the folder that it is started in. Because it is there, none is looked for in the folders above,
/// which others may write to; those of the user and the system count as ever.
const CONFIGURATION: &str = "uv.toml";
/// A format of uv's answers: lines that pip reads.
pub(crate) const PLAIN: &str = "requirements.txt";
/// A format of uv's answers: the one of PEP 751.
pub(crate) const PYLOCK: &str = "pylock.toml";
/// Largest configuration of uv that is copied, in bytes.
const MAX_CONFIGURATION: u64 = 1 << 20;

/// What a source distribution needs, so that uv does not have to run it to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub name: PackageName,
    pub version: PackageVersion,
    pub requires: Vec<String>,
    pub extras: Vec<String>,
}

/// One question.
#[derive(Debug, Default)]
pub(crate) struct Question<'a> {
    /// Lines of requirements.
    pub requirements: String,
    /// Lines of versions that may not be others.
    pub constraints: String,
    /// Packages that come as source distributions.
    pub sources: &'a [Metadata],
    /// Whether what they need is left out.
    pub alone: bool,
}

/// Asks for requirements as pip reads them.
pub(crate) fn compile(
    work: &Work,
    target: &Target,
    question: &Question<'_>,
) -> Result<Compiled, ResolveError> {
    let text = ask(work, Scope::Of(target), question, PLAIN)?;
    let mut compiled = Compiled::parse(&text, &Requester::Code)?;
    for option in &mut compiled.indexes {
        *option = with_named_credentials(work, option);
    }
    Ok(compiled)
}

/// uv takes the credentials of an index that has a name from variables, and leaves them out of the address.
fn with_named_credentials(work: &Work, option: &str) -> String {
    let variable = |name: &str| work.variable(name).and_then(|value| value.to_str());
    let named = ["UV_DEFAULT_INDEX", "UV_INDEX"].into_iter().filter_map(variable);
    let named = named.flat_map(str::split_whitespace).filter_map(|named| named.split_once('='));
    for (name, url) in named {
        if !option.ends_with(&format!(" {url}")) {
            continue;
        }
        let upper = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        let name: String = name.chars().map(upper).collect();
        let of_index = |what: &str| variable(&format!("UV_INDEX_{name}_{what}"));
        let (user, password) = (of_index("USERNAME"), of_index("PASSWORD"));
        let (Some((scheme, rest)), false) = (url.split_once("://"), user.or(password).is_none())
        else {
            continue;
        };
        let encoded = |text: Option<&str>| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
            let one =
                |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
            text.unwrap_or_default().bytes().map(one).collect::<String>()
        };
        let with = format!("{scheme}://{}:{}@{rest}", encoded(user), encoded(password));
        return option.replace(url, &with);
    }
    option.to_owned()
}

/// The options that name the index as uv's settings have it, with its credentials, for pip.
pub(crate) fn indexes(work: &Work, target: &Target) -> Result<Vec<String>, ResolveError> {
    Ok(compile(work, target, &Question::default())?.indexes)
}

/// For what it is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scope<'a> {
    /// One Python on one kind of machine.
    Of(&'a Target),
    /// All machines, all Pythons from this one on.
    Universal { python: &'a str },
}

/// Asks for an answer in a format of uv's.
pub(crate) fn ask(
    work: &Work,
    scope: Scope<'_>,
    question: &Question<'_>,
    format: &str,
) -> Result<String, ResolveError> {
    // uv wants the file to have the name of its format; what is there already would count as a wish.
    let answer = if format == PYLOCK { PYLOCK } else { "answer.txt" };
    // It is named in the answer.
    let requirements = match scope {
        Scope::Of(_) => "requirements.txt",
        Scope::Universal { .. } => "requirements.in",
    };
    work.remove(answer)?;
    work.write(requirements, &question.requirements)?;
    work.write(CONSTRAINTS, &question.constraints)?;
    let mut arguments = configure(work, question.sources)?;
    let mut add = |more: &[&str]| arguments.extend(more.iter().map(OsString::from));
    add(&["pip", "compile", requirements, "--constraints", CONSTRAINTS]);
    add(&["--output-file", answer, "--format", format]);
    add(&["--generate-hashes", "--no-header", "--annotate", "--annotation-style=split"]);
    add(&["--quiet", "--color=never", "--no-python-downloads", "--only-binary=:all:"]);
    match scope {
        Scope::Of(target) => {
            add(&["--no-universal", "--emit-index-url", "--emit-find-links"]);
            add(&["--python-version", &target.python]);
            add(&["--python-platform", &target.uv_platform()]);
        }
        Scope::Universal { python } => add(&["--universal", "--python-version", python]),
    }
    // uv takes them out of `:all:`. It would build them only if it were not told what they need.
    for source in question.sources {
        add(&["--no-binary", source.name.as_str()]);
    }
    if question.alone {
        add(&["--no-deps"]);
    }
    arguments.extend(["--python".into(), work.tools.python().into()]);
    let ended = work.run("uv", work.tools.uv(), &arguments)?;
    if !ended.status.success() {
        return Err(explain::uv(&ended.said));
    }
    work.read(answer, MAX_COMPILED)
}

/// Writes uv's configuration, and says how uv finds it.
fn configure(work: &Work, sources: &[Metadata]) -> Result<Vec<OsString>, ResolveError> {
    let ours: String = sources.iter().map(Metadata::to_toml).collect();
    let named = work.variable("UV_CONFIG_FILE").filter(|name| !name.is_empty());
    if sources.is_empty() || (named.is_none() && work.variable("UV_NO_CONFIG").is_none()) {
        work.write(CONFIGURATION, &ours)?;
        return Ok(Vec::new());
    }
    // uv would read only the one that is named: so ours has that in it.
    let mut theirs = String::new();
    if let Some(named) = named {
        let path = std::path::absolute(PathBuf::from(named));
        let about = path.and_then(|path| Ok((fs::metadata(&path)?.len(), path)));
        let read = about.and_then(|(size, path)| match size {
            ..=MAX_CONFIGURATION => fs::read_to_string(path),
            _ => Err(std::io::Error::other("it is too large")),
        });
        theirs = read.map_err(|error| ResolveError::Failed {
            tool: "uv",
            explanation: Explanation(format!("`UV_CONFIG_FILE` cannot be read: {error}")),
        })?;
    }
    work.write(CONFIGURATION, &format!("{theirs}\n{ours}"))?;
    Ok(vec!["--config-file".into(), CONFIGURATION.into()])
}

impl Metadata {
    /// Of what needs nothing.
    pub(crate) fn of_nothing(name: PackageName, version: PackageVersion) -> Self {
        Self { name, version, requires: Vec::new(), extras: Vec::new() }
    }

    fn to_toml(&self) -> String {
        let list =
            |texts: &[String]| texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", ");
        format!(
            "[[dependency-metadata]]\nname = {}\nversion = {}\nrequires-dist = [{}]\nprovides-extra = [{}]\n",
            quoted(self.name.as_str()),
            quoted(self.version.as_str()),
            list(&self.requires),
            list(&self.extras),
        )
    }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_stays_inside_its_quotation_marks() {
        let metadata = Metadata {
            name: "a".parse().unwrap(),
            version: "1".parse().unwrap(),
            requires: vec!["b ; extra == \"x\"".to_owned(), "\\\n".to_owned()],
            extras: vec!["x".to_owned()],
        };
        assert_eq!(
            metadata.to_toml(),
            "[[dependency-metadata]]\nname = \"a\"\nversion = \"1\"\n\
             requires-dist = [\"b ; extra == \\\"x\\\"\", \"\\\\\\u000A\"]\nprovides-extra = [\"x\"]\n"
        );
    }
}
