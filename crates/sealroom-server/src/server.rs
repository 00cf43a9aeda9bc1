//! Puts everything together: opens the stores, starts the tasks, listens, and stops in good order.

use crate::{
    AccountKind, Config, LocalEnclaves, ServeError,
    auth::{self, Tokens},
    blobs::Blobs,
    collateral::Keeper,
    db::Db,
    engine::Engine,
    git::Fetcher,
    metrics::Metrics,
    net,
    packages::Resolver,
    routes, setup,
    supervisor::Supervisor,
    sweeper,
};
use sealroom_protocol::Email;
use std::{net::SocketAddr, path::Path, pin::Pin, sync::Arc};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What every handler can reach.
#[derive(Clone)]
pub(crate) struct App(Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) engine: Engine,
    pub(crate) tokens: Tokens,
    pub(crate) metrics: Metrics,
    pub(crate) git: Fetcher,
    pub(crate) resolver: Resolver,
    pub(crate) keeper: Keeper,
    pub(crate) openapi: String,
    /// Long polls and event streams end with it.
    pub(crate) stop: CancellationToken,
    /// Tells the supervisor that an enclave has found work.
    pub(crate) claimed: tokio::sync::Notify,
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// Serves until `shutdown` ends. Calls `ready` once, with the address that is listened on.
///
/// What this process makes from then on is readable for its user alone (umask 077).
///
/// # Errors
/// Every [`ServeError`].
pub fn serve<'a>(
    config: Config,
    ready: impl FnOnce(SocketAddr) + Send + 'a,
    shutdown: impl Future<Output = ()> + Send + 'a,
) -> Boxed<'a, Result<(), ServeError>> {
    serve_boxed(config, Box::new(ready), Box::pin(shutdown))
}

/// A future whose code is generated here, once, and not in every program that calls it.
type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

fn serve_boxed<'a>(
    config: Config,
    ready: Box<dyn FnOnce(SocketAddr) + Send + 'a>,
    shutdown: Boxed<'a, ()>,
) -> Boxed<'a, Result<(), ServeError>> {
    Box::pin(run(config, ready, shutdown))
}

async fn run(
    config: Config,
    ready: Box<dyn FnOnce(SocketAddr) + Send + '_>,
    shutdown: Boxed<'_, ()>,
) -> Result<(), ServeError> {
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    setup::data_dir(&config.data_dir)?;
    let spool = config.data_dir.join("tmp");
    setup::private_dir(&spool)?;
    // Servers may share a PostgreSQL database, but never local enclaves or a SQLite file.
    let _lock = setup::DataDirLock::take(&config.data_dir)?;
    let git = Fetcher::open(&config).await?;
    let db = open_database(&config.data_dir, config.database.as_deref()).await?;
    let blobs = match &config.blobs {
        Some(location) => Blobs::open(location)?,
        None => Blobs::open(&config.data_dir.join("blobs").to_string_lossy())?,
    };
    let tokens = Tokens::open(&db).await?;
    let engine = Engine::new(db.clone(), blobs, config.lease);
    db.extend_all_leases(config.lease).await?;

    let listening = |source| ServeError::Listen { address: config.listen, source };
    let listener = TcpListener::bind(config.listen).await.map_err(listening)?;
    let address = listener.local_addr().map_err(listening)?;
    let stop = CancellationToken::new();
    let supervisor = match config.local_enclaves {
        LocalEnclaves::Off => None,
        LocalEnclaves::Max(max) => {
            Some(Supervisor::prepare(&config, max, address, engine.clone()).await?)
        }
    };
    let metrics = Metrics::new().map_err(|error| ServeError::Stored(error.to_string()))?;
    let (router, openapi) = routes::all();
    let (grace, claimed) = (config.grace, tokio::sync::Notify::new());
    let resolver = Resolver::new(&config);
    let keeper = Keeper::new(&config, engine.clone());
    let app = App(Arc::new(Parts {
        config,
        engine: engine.clone(),
        tokens,
        metrics,
        git,
        resolver,
        keeper,
        openapi,
        stop: stop.clone(),
        claimed,
    }));
    let router = routes::finish(router, app.clone());

    let sweeping = tokio::spawn(sweeper::run(engine.clone(), stop.clone()));
    let cleaning = tokio::spawn({
        let engine = engine.clone();
        async move { engine.blobs().sweep(engine.db()).await }
    });
    let supervising =
        supervisor.map(|supervisor| tokio::spawn(supervisor.run(app.clone(), stop.clone())));
    let serving = tokio::spawn(net::serve(listener, router, stop.clone(), grace));
    tracing::info!("listening on {address}");
    ready(address);
    shutdown.await;
    tracing::info!("stopping");
    stop.cancel();
    for task in [Some(serving), Some(sweeping), supervising].into_iter().flatten() {
        if let Err(error) = task.await {
            tracing::error!("a task failed: {error}");
        }
    }
    cleaning.abort();
    db.close().await;
    Ok(())
}

async fn open_database(data_dir: &Path, url: Option<&str>) -> Result<Db, ServeError> {
    if url.is_none() {
        drop(setup::private_file(&data_dir.join("sealroom.db"))?);
    }
    Db::open(url, data_dir).await
}

/// Adds an account, or one more refresh token to the account that is there, and returns the token.
/// It can't be shown again. Works while a server runs.
///
/// # Errors
/// [`ServeError`] if the data directory or the database can't be used.
pub async fn add_account(
    data_dir: &Path,
    database: Option<&str>,
    email: &Email,
    kind: AccountKind,
) -> Result<String, ServeError> {
    setup::data_dir(data_dir)?;
    let db = open_database(data_dir, database).await?;
    if let Some(known) = db.account_kind(email).await?.filter(|known| *known != kind) {
        return Err(ServeError::OtherKind { email: email.clone(), kind: known });
    }
    let token = auth::new_refresh_token(&db, email, kind).await?;
    db.close().await;
    Ok(token)
}

/// The OpenAPI document, as JSON.
#[must_use]
pub fn openapi() -> String {
    routes::all().1
}
