//! Answering challenges: evidence that is made now, for whoever asks, for as long as the identity lives.

use crate::{
    server::{Leased, is_lease_lost},
    stop::Stop,
};
use sealroom_attester::Attester;
use sealroom_channel::{Bounds, Endpoint, ServeError, Subject};
use sealroom_lifecycle::wire::AnswerChallenge;
use sealroom_protocol::{Digest, IdentityKeys};
use std::{sync::Arc, thread, time::Duration};

/// What evidence is made for.
pub(crate) struct Challenged {
    pub(crate) attester: Arc<dyn Attester>,
    pub(crate) manifest: Digest,
    pub(crate) keys: IdentityKeys,
}

impl Challenged {
    /// Answers whoever asks at `endpoint`, with evidence for that very connection; it ends as [`Self::answer`] does.
    pub(crate) fn answer_at(&self, endpoint: Endpoint, stop: Arc<Stop>) -> Result<(), ServeError> {
        let attester = Arc::clone(&self.attester);
        let evidence = move |report_data: &[u8; 64]| {
            let made = attester.evidence(report_data);
            made.inspect_err(|error| tracing::warn!("no evidence for a channel: {error}")).ok()
        };
        let subject = Subject {
            manifest: self.manifest,
            keys: self.keys.clone(),
            evidence: Box::new(evidence),
        };
        let address = endpoint.address();
        endpoint.serve(subject, Bounds::default(), move || stop.is_lost())?;
        tracing::info!(%address, "participants are answered directly");
        Ok(())
    }

    /// Answers on a thread of its own, during runs too; it ends with the lease, or with the process.
    pub(crate) fn answer(self, server: Arc<Leased>, stop: Arc<Stop>) {
        thread::spawn(move || {
            while !stop.is_lost() {
                match self.round(&server) {
                    Ok(()) => {}
                    Err(error) if is_lease_lost(&error) => return,
                    Err(error) => {
                        tracing::warn!("cannot answer challenges: {error}");
                        thread::sleep(Duration::from_secs(1));
                    }
                }
            }
        });
    }

    fn round(&self, server: &Leased) -> Result<(), sealroom_http::HttpError> {
        for challenge in server.challenges()?.challenges {
            let report_data = self.keys.report_data(&self.manifest, challenge.as_bytes());
            match self.attester.evidence(&report_data) {
                Ok(evidence) => {
                    server.answer_challenge(&AnswerChallenge { challenge, evidence })?
                }
                Err(error) => {
                    tracing::warn!("no evidence for a challenge: {error}");
                    thread::sleep(Duration::from_millis(500));
                }
            }
        }
        Ok(())
    }
}
