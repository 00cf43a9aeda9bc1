use super::CommandResult;
use crate::{
    context::{Global, about},
    term::Term,
};
use sealroom_attest::{Check, Outcome, Rule, Verdict};
use sealroom_channel::Address;
use sealroom_client::{approve::Acceptance, check::Verification};
use sealroom_collateral::Collateral;
use sealroom_protocol::{
    ComputationId, Digest, JailLevel, LogDetail, LogPolicy, Manifest, PublicKey,
};
use std::{fmt::Write as _, process::ExitCode};

/// Where the book says what each check means, and what evidence does not say.
const ATTESTATION: &str = "docs/attestation.md";
const SECURITY: &str = "SECURITY.md";

/// Check the enclave and what it will do, line by line
///
/// Exit code 1 if anything is refused. `approve` accepts only the manifest that was looked at last.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The computation
    id: ComputationId,
    #[command(flatten)]
    acceptance: AcceptanceArgs,
    /// Your key, if you take part with the 2022 client: 64 hexadecimal digits
    #[arg(long, value_name = "HEX")]
    public_key: Option<PublicKey>,
    /// Print the manifest too
    #[arg(long)]
    manifest: bool,
}

/// What is accepted beyond the profile's own policy.
#[derive(clap::Args)]
pub(crate) struct AcceptanceArgs {
    /// Which evidence of hardware to accept: a file or `standard`, `strict`, `trial` (`sealroom policy explain`)
    /// [default: your profile's policy]
    #[arg(long, value_name = "FILE", value_parser = super::policy::read)]
    policy: Option<sealroom_attest::Policy>,
    /// What vouches for its evidence, as `sealroom collateral fetch` writes it [default: what comes with the evidence,
    /// or what the server keeps]
    #[arg(long, value_name = "FILE", value_parser = super::collateral::parse)]
    collateral: Option<Collateral>,
    /// Accept an enclave that no hardware vouches for; only for data that is not secret
    #[arg(long)]
    allow_simulated: bool,
    /// Accept a computation in development mode; only for data that is not secret
    #[arg(long)]
    allow_dev_mode: bool,
    /// The least jail that will do: `full` (all layers, memory and processes bounded by cgroups), `walled` (kept
    /// away from the network and the machine), `minimum` (only for code that you trust)
    #[arg(long, value_name = "LEVEL", default_value_t = JailLevel::Walled)]
    require_jail: JailLevel,
    /// Judge the published evidence alone, without asking the enclave for evidence made now
    #[arg(long)]
    no_challenge: bool,
    /// Ask the enclave itself for evidence, over attested TLS at the address where it listens (`sealroom-enclave
    /// --listen`), instead of by way of the server
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "no_challenge")]
    direct: Option<Address>,
    /// The digest of the code that the code provider told you (`sealroom code digest`)
    #[arg(long, value_name = "SHA256")]
    code_digest: Option<Digest>,
}

impl AcceptanceArgs {
    pub(crate) fn get(&self) -> Acceptance {
        Acceptance {
            policy: self.policy.clone(),
            collateral: self.collateral.clone(),
            allow_simulated: self.allow_simulated,
            allow_dev_mode: self.allow_dev_mode,
            require_jail: Some(self.require_jail),
            code_digest: self.code_digest,
            public_key: None,
            without_challenge: self.no_challenge,
            direct: self.direct.clone(),
        }
    }
}

pub(crate) fn run(args: &Args, global: &Global, term: &Term) -> CommandResult {
    let profile = global.profile()?;
    let (session, computation) = about(&profile, args.id, term)?;
    let acceptance = Acceptance { public_key: args.public_key, ..args.acceptance.get() };
    let found = session.verify(&computation, &acceptance)?;
    let manifest =
        found.manifest.as_ref().map(sealroom_protocol::manifest::CanonicalManifest::manifest);
    let shown = serde_json::json!({
        "trusted": found.verdict.is_trusted(),
        "checks": found.verdict.checks,
        "manifest_digest": found.manifest.as_ref().map(|m| m.digest()),
        "manifest": manifest,
    });
    term.data(&shown, |_| text(&found, args.manifest, term));
    Ok(if found.verdict.is_trusted() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The manifest in short, and the verdict.
pub(crate) fn text(found: &Verification, whole: bool, term: &Term) -> String {
    let mut out = String::new();
    if let Some(canonical) = &found.manifest {
        let manifest = canonical.manifest();
        let _ = writeln!(out, "{}  {}", term.bold("manifest"), canonical.digest());
        for (id, p) in manifest.participants() {
            let key: String = p.public_key.to_string().chars().take(16).collect();
            let _ = writeln!(out, "  {id}: {} (key {key}, {})", p.email, p.suite);
        }
        let (e, r) = (&manifest.environment, &manifest.runtime);
        let _ = writeln!(
            out,
            "  runtime {}: Python {} with {} packages",
            e.profile,
            e.python,
            e.packages.len()
        );
        for clause in manifest.terms().map(|terms| terms.clauses()).unwrap_or_default() {
            let _ = writeln!(out, "  output: {}", clause.text);
        }
        let _ = writeln!(out, "  logs: {}", logs(manifest));
        let _ = writeln!(out, "  jail ({}): {}", r.jail.level, r.jail.layers.join(", "));
        if whole {
            let pretty = serde_json::to_string_pretty(manifest).unwrap_or_default();
            let _ = writeln!(out, "{pretty}");
        }
    }
    out + &verdict(&found.verdict, term)
}

/// Who reads what of what the code prints.
fn logs(manifest: &Manifest) -> String {
    let (whom, detail) = manifest.logs();
    let what = match detail {
        LogDetail::Full => "all that the code prints",
        LogDetail::Scrubbed => "where in the code an exception was raised, and of which type",
    };
    match whom {
        LogPolicy::None => "nobody reads any".to_owned(),
        LogPolicy::CodeProvider => format!("the code provider reads {what}"),
        LogPolicy::Participants => format!("everybody reads {what}"),
    }
}

/// The checks of a verdict, grouped, and what they come to.
pub(crate) fn verdict(verdict: &Verdict, term: &Term) -> String {
    let mut checks: Vec<&Check> = verdict.checks.iter().collect();
    checks.sort_by_key(|check| check.group);
    let mut out = String::new();
    let mut group = None;
    for check in checks {
        if group.replace(check.group) != Some(check.group) {
            let _ = writeln!(out, "{}", term.bold(&check.group.to_string()));
        }
        let mark = match check.outcome {
            Outcome::Passed => term.green("ok  "),
            Outcome::Warned => term.yellow("WARN"),
            Outcome::Open => term.yellow("OPEN"),
            Outcome::Failed => term.red("FAIL"),
        };
        let _ = writeln!(out, "  {mark}  {}", check.text);
        if check.outcome == Outcome::Passed {
            continue;
        }
        if let Some(rule) = Rule::ALL.iter().find(|rule| rule.code() == check.code) {
            let _ = writeln!(out, "        what should hold: {}", rule.meaning());
        }
        if let (Outcome::Failed, Some(hint)) = (check.outcome, &check.hint) {
            let _ = writeln!(out, "        hint: {hint}");
        }
    }
    let has = |outcome| verdict.checks.iter().any(|check| check.outcome == outcome);
    let end = match verdict.is_trusted() {
        false => term.red("REFUSED"),
        true if has(Outcome::Open) => {
            term.yellow("NOT REFUSED, but what is OPEN above takes a policy to decide")
        }
        true if has(Outcome::Warned) => term.yellow("ACCEPTED, with the warnings above"),
        true => term.green("TRUSTED"),
    };
    let _ = writeln!(out, "{end}");
    let _ = writeln!(
        out,
        "what each line means: {ATTESTATION}; what evidence does not say: {SECURITY}"
    );
    out
}
