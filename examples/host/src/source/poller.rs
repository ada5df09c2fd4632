//! What polls for a source: its component, in a sandbox.

use std::sync::Arc;

use crate::bindings::{Batch, PollError};
use crate::http::HttpClient;
use crate::http::room::Place;
use crate::sandbox::{Instance, LinkedSource};
use crate::source::failure::of_call;
use crate::source::judged::judged;

/// What gives a source its batches.
pub(crate) trait Poller: Send {
    /// What comes after a cursor, and the place that its reply takes in memory: to be held until the batch is
    /// delivered. Whatever goes wrong is an error of the contract. It may be dropped before it answers.
    fn poll(
        &mut self,
        cursor: Option<&str>,
    ) -> impl Future<Output = Result<(Batch, Option<Place>), PollError>> + Send;
}

/// A component with all that its calls take.
pub(crate) struct Guest {
    component: LinkedSource,
    /// Its way to the network.
    client: Arc<HttpClient>,
    /// The component's configuration, as JSON. Holds secrets.
    config: Arc<str>,
    /// Kept between polls, within a bound.
    instance: Option<Instance>,
}

impl Guest {
    pub(crate) fn new(component: LinkedSource, client: Arc<HttpClient>, config: Arc<str>) -> Self {
        Self { component, client, config, instance: None }
    }
}

impl Poller for Guest {
    async fn poll(&mut self, cursor: Option<&str>) -> Result<(Batch, Option<Place>), PollError> {
        let mut instance = if let Some(kept) = self.instance.take() {
            kept
        } else {
            let made = self.component.instantiate(Some(Arc::clone(&self.client))).await;
            made.map_err(of_call)?
        };
        let polled = instance.poll(&self.config, cursor).await;
        let place = instance.take_place();
        if instance.may_be_kept() {
            self.instance = Some(instance);
        }
        Ok((judged(polled)?, place))
    }
}
