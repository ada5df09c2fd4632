//! What is told of the connection: each thing once, until there is one again.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use async_nats::Event;
use source_contract::printable::printable;
use tracing::Level;

use crate::ledger::nats::complaint::remedy;

/// What was told so far.
#[derive(Default)]
pub(super) struct Told(Mutex<State>);

#[derive(Default)]
struct State {
    is_lost: bool,
    /// Why there is none again, since it was lost.
    troubles: BTreeSet<String>,
}

impl Told {
    /// Tells what becomes of the connection. Of one that is left for another nothing is told.
    pub(super) fn tell(&self, event: &Event, is_left: bool) {
        match self.line(event, is_left) {
            Some((Level::ERROR, line)) => tracing::error!("{line}"),
            Some((Level::WARN, line)) => tracing::warn!("{line}"),
            Some((_, line)) => tracing::info!("{line}"),
            None => {}
        }
    }

    fn line(&self, event: &Event, is_left: bool) -> Option<(Level, String)> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Connected => {
                state.troubles.clear();
                let was_lost = std::mem::take(&mut state.is_lost);
                was_lost.then(|| (Level::INFO, "connected to NATS again".to_owned()))
            }
            Event::Disconnected if !is_left => {
                let was_lost = std::mem::replace(&mut state.is_lost, true);
                let line = "the connection to NATS is lost, and is made again";
                (!was_lost).then(|| (Level::WARN, line.to_owned()))
            }
            Event::LameDuckMode => {
                let line = "the server of NATS is about to end: another is taken";
                Some((Level::INFO, line.to_owned()))
            }
            Event::ClientError(error) if !is_left => {
                let why = printable(&error.to_string());
                let is_new =
                    state.troubles.len() < TROUBLES_MAX && state.troubles.insert(why.clone());
                is_new.then(|| match remedy(&why) {
                    Some(remedy) => (Level::ERROR, format!("NATS: {why}: {remedy}")),
                    None => (Level::WARN, format!("NATS: {why}")),
                })
            }
            _ => None,
        }
    }
}

const TROUBLES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use async_nats::ClientError;

    use super::*;

    #[test]
    fn each_thing_is_told_once_until_there_is_a_connection_again() {
        let told = Told::default();
        let refused = Event::ClientError(ClientError::Other("authorization violation".into()));
        let level = |event: &Event| told.line(event, false).map(|(level, _)| level);
        for _ in 0..2 {
            assert_eq!(level(&Event::Connected), None);
            assert_eq!(level(&Event::Disconnected), Some(Level::WARN));
            assert_eq!(level(&Event::Disconnected), None);
            let (level_of_it, line) =
                told.line(&refused, false).unwrap_or((Level::INFO, String::new()));
            assert!(level_of_it == Level::ERROR && line.contains("start the host again"), "{line}");
            assert_eq!(level(&refused), None);
            let other = Event::ClientError(ClientError::Other("timed out".into()));
            assert_eq!(level(&other), Some(Level::WARN));
            assert_eq!(level(&Event::Connected), Some(Level::INFO));
        }
    }

    #[test]
    fn of_a_server_that_is_left_nothing_is_told() {
        let told = Told::default();
        let error = Event::ClientError(ClientError::Other("timed out".into()));
        for event in [Event::Disconnected, error, Event::Connected] {
            assert_eq!(told.line(&event, true), None);
        }
    }
}
