//! Leases that ran out: the enclave counts as lost, and another may have the computation.

use crate::{
    db::leases::Lease,
    engine::{Along, Engine},
    problem::Answer,
};
use sealroom_lifecycle::{Actor, Command, EnclaveId};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_millis(500);

/// Ends leases as they run out, until `stop`.
pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
        let expired = match engine.db().expired_leases().await {
            Ok(expired) => expired,
            Err(error) => {
                tracing::error!("cannot look for leases that ran out: {error}");
                continue;
            }
        };
        for lease in expired {
            // A failure means: renewed in between, or another server was faster.
            if end(&engine, lease, true).await.is_ok() {
                let (enclave, computation) = (lease.enclave, lease.computation);
                tracing::warn!(%computation, %enclave, "the enclave's lease ran out");
            }
        }
    }
}

/// Ends a lease, and says what that means for the computation.
pub(crate) async fn end(engine: &Engine, lease: Lease, only_expired: bool) -> Answer<()> {
    let command = Command::LoseEnclave { enclave: lease.enclave };
    let along = Along { dropped: Some((lease, only_expired)), ..Along::default() };
    engine.execute(lease.computation, Actor::Server, command, along).await.map(drop)
}

/// Ends all leases of an enclave that is known to be dead.
pub(crate) async fn end_all_of(engine: &Engine, enclave: EnclaveId) {
    match engine.db().leases_of(enclave).await {
        Ok(leases) => {
            for lease in leases {
                let computation = lease.computation;
                tracing::warn!(%computation, %enclave, "the enclave died");
                if let Err(failure) = end(engine, lease, false).await {
                    tracing::warn!("its lease stays until it runs out: {failure:?}");
                }
            }
        }
        Err(error) => tracing::error!("cannot look for the leases of a dead enclave: {error}"),
    }
}
