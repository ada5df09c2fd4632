//! One failure after the other, each alone, with the lease that workers have where nothing is said of it: however long
//! a source waits then, it is no longer than the limit.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use end_to_end::artifacts;

use crate::scene::{FAILOVER_MAX, INTERVAL_SECS, Scene, WORKERS, spread};
use crate::servers::{Cluster, STREAM, Settings, wait_until};
use crate::workers::{LEASE, every};

/// Beside two APIs.
const FEEDS: usize = 148;

#[test]
fn whoever_fails_alone_no_source_waits_longer_than_half_a_minute() {
    let mut scene = with_default_lease(Cluster::start("cluster-failures"));
    scene.workers.start_all(&[]);
    scene.wait_until_begun();
    let feeds = Arc::clone(&scene.feeds);
    let publishing = every(Duration::from_secs(2), move || feeds.publish(1));
    come_to_rest(&scene);

    let failure = Failure::begin(&scene, "a worker killed", Some(0));
    scene.workers.kill(0);
    failure.end(&scene);
    scene.workers.start(0, &[]);
    come_to_rest(&scene);

    // So that it is held up in the middle of storing: for longer than an answer takes, the leader takes nothing, and
    // for no longer than it stays the leader.
    scene.feeds.delay(Duration::from_secs(2));
    thread::sleep(Duration::from_secs(5));
    let leader = scene.cluster.wait_for_leader(STREAM);
    scene.cluster.signal(leader, "STOP");
    thread::sleep(Duration::from_millis(2_500));
    let thrown_away = scene.workers.lines_with(THROWN_AWAY);
    let failure = Failure::begin(&scene, "a worker held up for longer than its lease", Some(1));
    scene.workers.process(1).signal("STOP");
    scene.cluster.signal(leader, "CONT");
    scene.feeds.delay(Duration::ZERO);
    failure.end(&scene);
    scene.workers.process(1).signal("CONT");
    come_to_rest(&scene);
    let thrown_away = scene.workers.lines_with(THROWN_AWAY) - thrown_away;
    eprintln!("it went on, and threw {thrown_away} batches away: others had stored theirs");
    assert!(thrown_away > 0);

    let leader = scene.cluster.wait_for_leader(STREAM);
    let failure = Failure::begin(&scene, "the leader killed", None);
    scene.cluster.kill(leader);
    failure.end(&scene);
    scene.cluster.restart(leader);
    come_to_rest(&scene);

    let leader = scene.cluster.wait_for_leader(STREAM);
    let failure = Failure::begin(&scene, "the leader and a worker killed", Some(2));
    scene.cluster.kill(leader);
    scene.workers.kill(2);
    failure.end(&scene);
    scene.cluster.restart(leader);
    scene.workers.start(2, &[]);
    come_to_rest(&scene);

    let busiest = scene.cluster.busiest();
    eprintln!("{} workers are connected to one server", scene.cluster.workers_at(busiest));
    let failure = Failure::begin(&scene, "that server held up", None);
    scene.cluster.signal(busiest, "STOP");
    failure.end(&scene);
    scene.cluster.signal(busiest, "CONT");
    come_to_rest(&scene);

    drop(publishing);
    scene.finish();
}

#[test]
fn a_server_that_is_cut_off_from_the_others_takes_no_worker_with_it() {
    let settings = Settings { has_network: true, ..Settings::default() };
    let cluster = Cluster::with(&artifacts::scratch("cluster-cut-off"), settings);
    let addresses = cluster.addresses();
    let mut scene = with_default_lease(cluster);
    // Servers tell workers of the others.
    scene.workers.change(&format!("{addresses:?}"), &format!("{:?}", &addresses[..1]));
    scene.workers.start_all(&[]);
    scene.wait_until_begun();
    let feeds = Arc::clone(&scene.feeds);
    let publishing = every(Duration::from_secs(2), move || feeds.publish(1));

    come_to_rest(&scene);
    wait_until("the server that all are connected to leads", || {
        let leads = scene.cluster.leader(STREAM) == Some(0);
        if !leads {
            scene.cluster.step_down(STREAM, Some("n1"));
            thread::sleep(Duration::from_secs(1));
        }
        leads
    });
    assert_eq!(scene.cluster.workers_at(0), WORKERS);
    let failure = Failure::begin(&scene, "the leader cut off, with all workers", None);
    scene.cluster.cut(0);
    failure.end(&scene);
    let leader = scene.cluster.leader_without(STREAM, 0);
    assert!(leader.is_some_and(|leader| leader != 0), "it was not cut off");
    scene.cluster.heal();
    come_to_rest(&scene);
    drop(publishing);
    scene.finish();
}

/// A failure, from its beginning on.
struct Failure {
    what: &'static str,
    at: Instant,
    /// What was there to be stored when it began.
    items: usize,
    /// The worker that fails, if one does.
    worker: Option<String>,
}

impl Failure {
    /// What is done next is the failure.
    fn begin(scene: &Scene, what: &'static str, worker: Option<usize>) -> Self {
        let worker = worker.map(|worker| scene.workers.token(worker));
        scene.feeds.publish(1);
        Self { what, at: Instant::now(), items: scene.feeds.items(), worker }
    }

    /// Waits until each source goes on without what failed, and holds that to its limit.
    #[track_caller]
    fn end(self, scene: &Scene) {
        let Self { what, at, items, worker } = self;
        let feeds = &scene.feeds;
        let concerned = match &worker {
            Some(worker) => feeds.had_by(worker, at),
            None => (0..feeds.len()).collect(),
        };
        assert!(concerned.len() >= FEEDS / WORKERS / 2, "{what}: {concerned:?}");
        wait_until(&format!("{what}: each source goes on"), || {
            thread::sleep(Duration::from_millis(200));
            feeds.least_stored() >= items
        });
        let stored = feeds.stored_after(at, &concerned, items);
        let asked = worker.map(|worker| feeds.takeovers(&worker, at)).unwrap_or_default();
        let requests = feeds.asked().iter().filter(|asked| asked.at >= at).count();
        // Each asks once an interval, and once more where there was something; and all may be due at the end.
        let intervals = at.elapsed().as_secs_f64() / f64::from(INTERVAL_SECS) + 1.0;
        let requests_max = 2.0 * FEEDS as f64 * intervals;
        eprintln!(
            "{what}: an item was stored after {}; {requests} requests, of {requests_max:.0} at most",
            spread(&stored)
        );
        assert!(requests as f64 <= requests_max);
        if !asked.is_empty() {
            eprintln!("{what}: a source was asked by another worker after {}", spread(&asked));
        }
        let longest = stored.iter().chain(&asked).max();
        assert!(
            stored.len() == concerned.len() && longest.is_some_and(|time| *time <= FAILOVER_MAX)
        );
    }
}

/// Servers, APIs, and workers that have the lease that they have by default.
fn with_default_lease(cluster: Cluster) -> Scene {
    let mut scene = Scene::on(cluster, FEEDS);
    scene.workers.change(&format!("lease_secs = {}\n", LEASE.as_secs()), "");
    scene
}

/// Waits until all servers are well, and each worker runs its part and stores.
#[track_caller]
fn come_to_rest(scene: &Scene) {
    scene.cluster.wait_until_ready();
    let (from, items) = (Instant::now(), scene.feeds.items());
    wait_until("each worker runs its part", || {
        thread::sleep(Duration::from_millis(200));
        let now = Instant::now();
        let parts: Vec<usize> = (0..WORKERS)
            .map(|worker| scene.feeds.had_by(&scene.workers.token(worker), now).len())
            .collect();
        parts.iter().sum::<usize>() == FEEDS
            && parts.iter().all(|part| *part >= FEEDS / WORKERS / 2)
            && scene.feeds.least_stored() >= items
    });
    eprintln!("  at rest again after {:.1} s", from.elapsed().as_secs_f64());
}

const THROWN_AWAY: &str = "batch thrown away";
