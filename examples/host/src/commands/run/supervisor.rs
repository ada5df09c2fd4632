//! The sources that run: begins those that this host is to run, and stops those that it is not to run any more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};

use crate::commands::prepared::{Part, client};
use crate::config::SourceConfig;
use crate::ledger::Ledger;
use crate::limits::HttpLimits;
use crate::sandbox::LinkedSource;
use crate::source::budget::Budget;
use crate::source::journal::Journal;
use crate::source::journal::alike::Alike;
use crate::source::poller::Guest;
use crate::source::{Ending, Source, chance};
use crate::workers::holds::{Asked, Holds, Named};
use crate::workers::shards::Assignment;

/// All sources of a configuration that can run, and those of them that do.
pub(super) struct Supervisor {
    sources: Vec<Runnable>,
    ledger: Arc<dyn Ledger>,
    /// The waits of all workers, if there are others.
    holds: Option<Holds>,
    limits: HttpLimits,
    until_caught_up: bool,
    /// What was told of what befalls all of them.
    alike: Arc<Alike>,
    /// What it was last told to run.
    assignment: Assignment,
    /// How to stop each source that runs, by its place among the sources.
    running: BTreeMap<usize, watch::Sender<bool>>,
    /// Sources that came to an end of their own: they do not begin again.
    ended: BTreeSet<usize>,
    tasks: JoinSet<Ending>,
    /// The source of each task.
    places: BTreeMap<Id, usize>,
    /// Sources that cannot run.
    left_out: usize,
}

/// A source that can be run, again and again.
struct Runnable {
    source: SourceConfig,
    component: LinkedSource,
    config: Arc<str>,
    budget: Named,
}

/// What came of a source.
pub(super) type Ended = Result<Ending, JoinError>;

impl Supervisor {
    /// Of these sources none runs yet. Gives the budgets that several of them share, too.
    pub(super) fn new(
        prepared: Vec<(SourceConfig, Part)>,
        ledger: Arc<dyn Ledger>,
        holds: Option<Holds>,
        limits: HttpLimits,
        until_caught_up: bool,
    ) -> (Self, Vec<Named>) {
        let mut shared: BTreeMap<String, (Named, usize)> = BTreeMap::new();
        let mut sources = Vec::new();
        let mut left_out = 0;
        for (mut source, part) in prepared {
            let component = match part {
                Ok(component) => component,
                Err(why) => {
                    let source = source.name;
                    tracing::error!(source, "source ended, the others run: {why}");
                    left_out += 1;
                    continue;
                }
            };
            let made = || match &holds {
                Some(holds) => holds.budget(source.budget.as_deref(), &source.name),
                None => (source.name.as_str().into(), Arc::new(Budget::default())),
            };
            let budget = match &source.budget {
                None => made(),
                Some(name) => {
                    let (budget, users) = shared.entry(name.clone()).or_insert_with(|| (made(), 0));
                    *users += 1;
                    budget.clone()
                }
            };
            let config = std::mem::take(&mut source.config).into();
            sources.push(Runnable { source, component, config, budget });
        }
        let shared = shared.into_values().filter(|(_, users)| *users > 1);
        let shared = shared.map(|(budget, _)| budget).collect();
        let supervisor = Self {
            sources,
            ledger,
            holds,
            limits,
            until_caught_up,
            alike: Arc::default(),
            assignment: Assignment::None,
            running: BTreeMap::new(),
            ended: BTreeSet::new(),
            tasks: JoinSet::new(),
            places: BTreeMap::new(),
            left_out,
        };
        (supervisor, shared)
    }

    /// How many sources cannot run.
    pub(super) fn left_out(&self) -> usize {
        self.left_out
    }

    /// What it was last told to run.
    pub(super) fn assignment(&self) -> &Assignment {
        &self.assignment
    }

    /// Whether no source runs.
    pub(super) fn is_idle(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Begins the sources that are assigned and do not run, and tells those to stop that are not.
    pub(super) fn reconcile(&mut self, assignment: Assignment) {
        let (mut coming, mut going) = (Vec::new(), 0);
        for (place, Runnable { source, .. }) in self.sources.iter().enumerate() {
            match (self.running.get(&place), assignment.has(&source.name)) {
                (None, true) if !self.ended.contains(&place) => coming.push(place),
                // What is being written is waited for.
                (Some(stop), false) if !stop.send_replace(true) => going += 1,
                _ => {}
            }
        }
        if self.holds.is_some() && (!coming.is_empty() || going > 0) {
            tracing::info!(coming = coming.len(), going, "sources change hands");
        }
        let spread = match &assignment {
            Assignment::Shards(share) => share.spread,
            Assignment::All | Assignment::None => Duration::ZERO,
        };
        self.assignment = assignment;
        self.begin(&coming, spread);
    }

    /// Begins these, not all in one moment.
    fn begin(&mut self, places: &[usize], spread_max: Duration) {
        let count = u32::try_from(places.len()).unwrap_or(u32::MAX);
        let spread = APART.saturating_mul(count.saturating_sub(1)).min(spread_max);
        let budgets = places.iter().map(|place| self.sources[*place].budget.clone()).collect();
        let parts: Vec<Arc<Asked>> = Asked::in_parts(budgets).collect();
        for (number, place) in places.iter().enumerate() {
            let Runnable { source, component, config, budget } = &self.sources[*place];
            let client = match client(source, self.limits) {
                Ok(client) => Arc::new(client),
                Err(why) => {
                    tracing::error!(source = source.name, "source ended, the others run: {why}");
                    self.left_out += 1;
                    self.ended.insert(*place);
                    continue;
                }
            };
            let journal =
                Journal::new(source.name.clone(), source.redactor.clone(), Arc::clone(&self.alike));
            let (stop, stopped) = watch::channel(false);
            let run = Source {
                name: source.name.clone(),
                poller: Guest::new(component.clone(), client, Arc::clone(config)),
                budget: Arc::clone(&budget.1),
                ledger: Arc::clone(&self.ledger),
            };
            let run = run.run(journal, self.until_caught_up, stopped.clone());
            let asked = self.holds.clone().zip(parts.get(number / Asked::SIZE).cloned());
            let before = before(spread.mul_f64(chance()), asked);
            let task = self.tasks.spawn(begun(before, stopped, run));
            self.places.insert(task.id(), *place);
            self.running.insert(*place, stop);
        }
    }

    /// Waits for the next source that ends; none if none runs. One that was stopped and is assigned again by now
    /// begins anew.
    pub(super) async fn ended(&mut self) -> Option<Ended> {
        let joined = self.tasks.join_next_with_id().await?;
        let (id, ended) = match joined {
            Ok((id, ending)) => (id, Ok(ending)),
            Err(error) => (error.id(), Err(error)),
        };
        if let Some(place) = self.places.remove(&id) {
            self.running.remove(&place);
            if !matches!(ended, Ok(Ending::Stopped)) {
                self.ended.insert(place);
            } else if self.assignment.has(&self.sources[place].source.name) {
                self.begin(&[place], Duration::ZERO);
            }
        }
        Some(ended)
    }

    /// Stops all of them, and waits until they have: what is being written is written.
    pub(super) async fn stop(&mut self) {
        for stop in self.running.values() {
            stop.send_replace(true);
        }
        while self.tasks.join_next().await.is_some() {}
    }
}

/// What goes before a source's first poll: its part of the spread, and what others say of its budget.
async fn before(wait: Duration, asked: Option<(Holds, Arc<Asked>)>) {
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    if let Some((holds, asked)) = asked {
        holds.heed(&asked).await;
    }
}

/// Runs a source after what goes before, unless it is stopped meanwhile.
async fn begun(
    before: impl Future<Output = ()>,
    mut stopped: watch::Receiver<bool>,
    run: impl Future<Output = Ending>,
) -> Ending {
    tokio::select! {
        biased;
        // Without a sender there is nobody left to run for.
        () = async { drop(stopped.wait_for(|stopped| *stopped).await.map(drop)) } => Ending::Stopped,
        () = before => run.await,
    }
}

/// How far apart sources begin that begin together, on average, up to the bound of all.
const APART: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_source_that_is_stopped_before_it_begins_does_not_begin() {
        let (stop, stopped) = watch::channel(false);
        let wait = before(Duration::from_secs(5), None);
        let never = async { unreachable!("it begins") };
        let task = tokio::spawn(begun(wait, stopped, never));
        tokio::time::sleep(Duration::from_secs(4)).await;
        stop.send_replace(true);
        assert_eq!(task.await.unwrap(), Ending::Stopped);
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_begins_after_its_part_of_the_spread_and_at_once_without() {
        for wait in [Duration::ZERO, Duration::from_secs(5)] {
            let (_stop, stopped) = watch::channel(false);
            let begin = tokio::time::Instant::now();
            let run = async { Ending::CaughtUp };
            assert_eq!(begun(before(wait, None), stopped, run).await, Ending::CaughtUp);
            assert_eq!(begin.elapsed().as_secs(), wait.as_secs());
        }
    }
}
