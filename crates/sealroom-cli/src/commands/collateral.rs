use super::CommandResult;
use crate::{
    context::{Global, about},
    error::CliError,
    evidence_file,
    term::{Term, print},
};
use sealroom_client::collateral::Sources;
use sealroom_collateral::{Collateral, FetchError, Fetcher, MAX_FILE, Need, contents::Part};
use sealroom_evidence::{dcap, snp::Report};
use sealroom_protocol::{Base64, ComputationId, Evidence, EvidenceKind};
use std::{
    fmt::Write as _,
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// What vouches for evidence, and does not come with it: fetch it, look at it
///
/// Nothing of it is believed here: `verify --collateral FILE` checks it, and what it vouches for.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Fetch what a piece of evidence needs, from the manufacturer or a service of your own
    ///
    /// Only the services that you name are asked, or else the manufacturers'. `collateral.toml` in your profile may
    /// name them too: `intel = "URL"`, `amd = "URL"`, `early = true`.
    Fetch(FetchArgs),
    /// Say what is in a file: dates, platforms, numbers
    Show {
        /// Collateral, or a `collateral.json` of other tools
        file: PathBuf,
    },
}

#[derive(clap::Args)]
struct FetchArgs {
    /// A computation, or a file: evidence as JSON, a DCAP quote, an SNP report
    #[arg(value_name = "FILE|COMPUTATION_ID")]
    evidence: String,
    /// The evidence of a run that was, and not of the identity that stands
    #[arg(long, value_name = "N")]
    run: Option<u32>,
    /// For Intel: a PCS or PCCS, without its path [default: https://api.trustedservices.intel.com]
    #[arg(long, value_name = "URL", env = "SEALROOM_COLLATERAL_SERVICE")]
    service: Option<String>,
    /// For AMD: a KDS, without its path [default: https://kdsintf.amd.com]
    #[arg(long, value_name = "URL", env = "SEALROOM_KDS")]
    kds: Option<String>,
    /// For Intel: by what it will enforce, and not by what it enforces
    #[arg(long)]
    early: bool,
    /// Take what the computation's server keeps
    #[arg(long, conflicts_with_all = ["service", "kds", "early"])]
    from_server: bool,
    /// Where to write it [default: stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, global: &Global, term: &Term) -> CommandResult {
    match &args.command {
        Command::Fetch(args) => fetch(args, global, term),
        Command::Show { file } => {
            show(&read(file)?, term);
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Reads a file of collateral, as `--collateral` names it.
pub(crate) fn read(file: &Path) -> Result<Collateral, CliError> {
    let bytes = evidence_file::read(file, MAX_FILE)?;
    Collateral::read(&bytes).map_err(|error| {
        let hint = "make one with `sealroom collateral fetch`";
        let message = format!("`{}` is no collateral", file.display());
        let CliError { message: cause, causes, .. } = CliError::from_chain(&error, None);
        let whole = CliError::new(message, hint).caused_by(cause);
        causes.into_iter().fold(whole, CliError::caused_by)
    })
}

/// The same for the command line's parser: wrong usage if it is none.
pub(crate) fn parse(text: &str) -> Result<Collateral, String> {
    read(Path::new(text)).map_err(|error| [vec![error.message], error.causes].concat().join(": "))
}

fn fetch(args: &FetchArgs, global: &Global, term: &Term) -> CommandResult {
    let id = args.evidence.parse::<ComputationId>().ok();
    let collateral = match id {
        Some(id) if args.from_server => {
            let profile = global.profile()?;
            about(&profile, id, term)?.0.collateral(id, args.run)?.ok_or_else(|| {
                let hint = "try again in a minute, or fetch it yourself, without --from-server";
                CliError::new("the server keeps no collateral for this evidence", hint)
            })?
        }
        Some(id) => {
            let profile = global.profile()?;
            let evidence = about(&profile, id, term)?.0.evidence(id, args.run)?;
            ask(&evidence, &sources(args, profile.sources()?), term)?
        }
        None if args.from_server || args.run.is_some() => {
            let hint = "name one as `sealroom list` does";
            return Err(CliError::usage("that needs a computation's identifier", hint));
        }
        None => {
            let evidence = evidence(Path::new(&args.evidence))?;
            let profile = global.profile_without_secrets()?;
            ask(&evidence, &sources(args, profile.sources()?), term)?
        }
    };
    let text = collateral.write();
    match &args.out {
        Some(out) => {
            let written = File::create(out).and_then(|mut file| file.write_all(&text));
            written.map_err(|error| CliError::io(out, &error))?;
            show(&collateral, term);
        }
        None => print(&String::from_utf8_lossy(&text)),
    }
    Ok(ExitCode::SUCCESS)
}

/// What was named here, or else what the profile names.
fn sources(args: &FetchArgs, profile: Sources) -> Sources {
    Sources {
        intel: args.service.clone().or(profile.intel),
        amd: args.kds.clone().or(profile.amd),
        early: args.early || profile.early,
    }
}

fn ask(evidence: &Evidence, sources: &Sources, term: &Term) -> Result<Collateral, CliError> {
    let need = Need::of(evidence).map_err(|error| refuse(&error.into()))?;
    let Some(need) = need else {
        let message = format!("nothing vouches for evidence of kind `{}`", evidence.kind);
        return Err(CliError::new(message, "it is judged without: `sealroom verify`"));
    };
    let fetcher = Fetcher::new(sources.service()?);
    let _waiting = term.waiting(&format!("fetching collateral for {need}"));
    let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default();
    fetcher.fetch(evidence.kind, &need, now).map_err(|error| refuse(&error))
}

fn refuse(error: &FetchError) -> CliError {
    CliError::from_chain(error, Some(error.hint().to_owned()))
}

/// Evidence in a file: JSON, or the bytes as the hardware gives them.
fn evidence(file: &Path) -> Result<Evidence, CliError> {
    let bytes = evidence_file::read(file, MAX_FILE)?;
    if bytes.trim_ascii_start().first() == Some(&b'{') {
        return serde_json::from_slice(&bytes).map_err(|error| {
            let hint = "it has `kind`, `quote` (base64) and `endorsements`";
            let message = format!("`{}` is no evidence", file.display());
            CliError::new(message, hint).caused_by(error.to_string())
        });
    }
    let kind = match dcap::Quote::parse(&bytes) {
        Ok(quote) if quote.header.tee == dcap::Tee::Sgx => EvidenceKind::Sgx,
        Ok(_) => EvidenceKind::Tdx,
        Err(_) if bytes.len() == Report::LEN => EvidenceKind::Snp,
        Err(error) => {
            let message = format!("`{}` is neither a DCAP quote nor an SNP report", file.display());
            let hint = "give evidence as JSON, a quote, or a report of 1184 bytes";
            return Err(CliError::new(message, hint).caused_by(error.to_string()));
        }
    };
    Ok(Evidence { kind, quote: Base64(bytes), endorsements: vec![] })
}

fn show(collateral: &Collateral, term: &Term) {
    let parts = collateral.parts();
    let shown = serde_json::json!({ "kind": collateral.kind, "parts": parts });
    term.data(&shown, |_| {
        let mut out = format!("collateral for {}\n", collateral.kind);
        for part in &parts {
            let _ = writeln!(out, "  {}", line(part));
        }
        out
    });
}

fn line(part: &Part) -> String {
    let mut out = part.what.clone();
    if let Some(fmspc) = &part.fmspc {
        let _ = write!(out, ", FMSPC {fmspc}");
    }
    if let Some(number) = part.evaluation {
        let _ = write!(out, ", evaluation {number}");
    }
    if let Some(revoked) = part.revoked {
        let _ = write!(out, ", {revoked} revoked");
    }
    if let Some(issued) = part.issued {
        let _ = write!(out, ", issued {issued}");
    }
    if let Some(expires) = part.expires {
        let _ = write!(out, ", counts until {expires}");
    }
    out
}
