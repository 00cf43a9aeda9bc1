use super::CommandResult;
use crate::{error::CliError, term::print};
use sealroom_collateral::{Service, Update};
use sealroom_packages::Runtimes;
use sealroom_protocol::{JailLevel, RuntimeName};
use sealroom_server::{Config, GitAccess, LocalEnclaves, Offer};
use std::{io::IsTerminal as _, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

/// Run the server, and enclaves on this machine
///
/// Prints one line with its URL on stdout when it is ready. Stops on SIGTERM and SIGINT.
/// SEALROOM_LOG chooses what is logged to stderr: error, warn, info, debug.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDR:PORT")]
    listen: SocketAddr,
    /// Where everything is kept
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// `postgres://…` or `sqlite://PATH` [default: SQLite in the data directory]
    #[arg(long, value_name = "URL", env = "SEALROOM_DATABASE")]
    database: Option<String>,
    /// `s3://BUCKET/PREFIX` or a folder, for ciphertext [default: a folder in the data directory]
    #[arg(long, value_name = "URL", env = "SEALROOM_BLOBS")]
    blobs: Option<String>,
    /// Enclaves on this machine at once; 0 if they dial in from elsewhere
    #[arg(long, default_value_t = 16, value_name = "N")]
    enclaves: u32,
    /// The folder of Python runtimes, for enclaves on this machine [default: the one that `make setup` made]
    #[arg(long, value_name = "DIR")]
    runtimes: Option<PathBuf>,
    /// Where enclaves on this machine keep packages of computations [default: in the data directory]
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,
    /// The runtime of computations that clients of 2022 create: `focal` has what the old service had
    #[arg(long, value_name = "NAME", default_value_t)]
    runtime_2022: RuntimeName,
    /// The least jail that enclaves on this machine start with: `full`, `walled` or `minimum` [default: minimum]
    #[arg(long, value_name = "LEVEL")]
    require_jail: Option<JailLevel>,
    /// Seconds after which a silent enclave counts as lost
    #[arg(long, default_value_t = 15, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    lease: u64,
    /// Largest data file, in bytes
    #[arg(long, default_value_t = 64 << 30, value_name = "BYTES")]
    max_upload: u64,
    /// Fetch what vouches for evidence of Intel's hardware from this PCS or PCCS, and keep it with the computation:
    /// its URL without the path, or `none`
    ///
    /// Intel's own is https://api.trustedservices.intel.com. Files in `collateral` in the data directory count too.
    #[arg(long, value_name = "URL", default_value = "none", env = "SEALROOM_COLLATERAL_SERVICE")]
    collateral_service: String,
    /// The same for AMD's hardware; AMD's own is https://kdsintf.amd.com
    #[arg(long, value_name = "URL", default_value = "none", env = "SEALROOM_KDS")]
    kds: String,
    /// Fetch code from public GitHub repositories when a client of 2022 asks for it
    ///
    /// Needs git on this machine. Such code is in clear for the server and for every participant.
    #[arg(long)]
    allow_git: bool,
}

pub(crate) fn run(args: &Args) -> CommandResult {
    let filter = tracing_subscriber::EnvFilter::try_from_env("SEALROOM_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let local_enclaves = match args.enclaves {
        0 => LocalEnclaves::Off,
        max => LocalEnclaves::Max(max),
    };
    let config = Config {
        database: args.database.clone(),
        blobs: args.blobs.clone(),
        local_enclaves,
        runtimes: args.runtimes.clone(),
        cache_dir: Some(args.cache_dir.clone().unwrap_or_else(|| args.data_dir.join("packages"))),
        offer: offer(args)?,
        require_jail: args.require_jail,
        collateral: collateral(args)?,
        code_from_git: args.allow_git.then(GitAccess::default),
        max_upload_bytes: args.max_upload,
        lease: Duration::from_secs(args.lease),
        ..Config::new(args.listen, args.data_dir.clone())
    };
    let failed = |error: std::io::Error| CliError::new(error.to_string(), "try again");
    let runtime = tokio::runtime::Runtime::new().map_err(failed)?;
    runtime.block_on(async {
        let stop = stop_signal().map_err(failed)?;
        let ready = |address| print(&format!("http://{address}"));
        sealroom_server::serve(config, ready, stop).await.map_err(CliError::from)
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Whom to ask for what vouches for evidence: nobody, unless the operator says so.
fn collateral(args: &Args) -> Result<Option<Service>, CliError> {
    let named = |url: &'_ str| (url != "none").then(|| url.to_owned());
    let (intel, amd) = (named(&args.collateral_service), named(&args.kds));
    if intel.is_none() && amd.is_none() {
        return Ok(None);
    }
    let service = Service::new(intel.as_deref(), amd.as_deref(), Update::Standard);
    let refuse = |error: sealroom_http::HttpError| {
        CliError::usage(
            error.to_string(),
            "give a URL such as https://pccs.example:8081, or `none`",
        )
    };
    service.map(Some).map_err(refuse)
}

/// What code can run in here. Enclaves elsewhere may have more: without a folder of runtimes nothing is said of any.
fn offer(args: &Args) -> Result<Offer, CliError> {
    let runtimes = match Runtimes::locate(args.runtimes.as_deref()) {
        Ok(runtimes) => runtimes,
        Err(_) if args.enclaves == 0 && args.runtimes.is_none() => {
            return Ok(Offer { runtime_2022: args.runtime_2022.clone(), ..Offer::default() });
        }
        Err(error) => return Err(error.into()),
    };
    let installed = runtimes.names().into_iter().map(|name| runtimes.installed(&name));
    let offer = Offer {
        runtimes: installed
            .map(|found| found.map(|found| found.shown()))
            .collect::<Result<_, _>>()?,
        absent: runtimes.absent(),
        runtime_2022: args.runtime_2022.clone(),
        tools: Some(runtimes.root().to_owned()),
    };
    if !offer.runtimes.iter().any(|runtime| runtime.name == args.runtime_2022) {
        runtimes.installed(&args.runtime_2022)?;
    }
    Ok(offer)
}

fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
