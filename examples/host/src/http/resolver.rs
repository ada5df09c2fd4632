//! Resolves the names that one source may reach, and judges the addresses that they lead to.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

use crate::egress::{AllowList, EgressError};
use crate::machine::shortage::Shortage;

/// Finds the addresses of a name.
pub(super) type Lookup = fn(String) -> Looking;
pub(super) type Looking = Pin<Box<dyn Future<Output = std::io::Result<Vec<SocketAddr>>> + Send>>;

pub(super) fn system_lookup(name: String) -> Looking {
    // Port 0: the client puts in the one of the URL.
    Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
}

/// Resolves names for the client: what it does not give is not dialled.
pub(super) struct JudgingResolver {
    /// None: any address will do.
    allow: Option<Arc<AllowList>>,
    lookup: Lookup,
    /// A lookup goes on when nobody waits for it any more: those count as well, or one source could
    /// take the threads of all.
    under_way: Arc<Semaphore>,
}

impl JudgingResolver {
    pub(super) fn new(allow: Option<Arc<AllowList>>, lookup: Lookup) -> Self {
        Self { allow, lookup, under_way: Arc::new(Semaphore::new(LOOKUPS_MAX)) }
    }
}

impl Resolve for JudgingResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (allow, name) = (self.allow.clone(), name.as_str().to_owned());
        let (lookup, under_way) = (self.lookup, Arc::clone(&self.under_way));
        Box::pin(async move {
            let place = under_way.acquire_owned().await?;
            let looking = lookup(name.clone());
            let looking = tokio::spawn(async move {
                let found = looking.await;
                drop(place);
                found
            });
            let found = looking.await?.map_err(|error| {
                // The system's resolver does not always tell that this is why.
                let shortage = Shortage::of(&error).or_else(Shortage::of_files);
                let remedy = shortage.map_or(
                    "check the name and this machine's DNS, or name the `proxy` that resolves it",
                    Shortage::remedy,
                );
                EgressError::Dns(format!("{name} could not be resolved: {error}; {remedy}"))
            })?;
            let addresses = match allow {
                Some(allow) => allow.dialable(&name, found)?,
                None => found,
            };
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Names of one source that are looked up at a time.
const LOOKUPS_MAX: usize = 2;
