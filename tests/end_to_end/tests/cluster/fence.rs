//! Workers that are not of one mind about who runs a source.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::chance::Chance;
use crate::scene::{FAILOVER_MAX, INTERVAL_SECS, Scene, WORKERS, spread};
use crate::servers::wait_until;
use crate::workers::{LEASE, every};

#[test]
fn workers_that_all_run_every_source_store_each_event_once() {
    let mut scene = Scene::new("cluster-fence", 40);
    // So that two of them have often asked before one has stored what it got.
    scene.workers.change_sources("poll_interval_secs = 5", "poll_interval_secs = 1");
    scene.feeds.delay(Duration::from_millis(300));
    let mut chance = Chance::new();
    scene.workers.start_all(&["--all-shards"]);
    scene.wait_until_begun();
    let feeds = Arc::clone(&scene.feeds);
    let publishing = every(Duration::from_millis(300), move || feeds.publish(1));
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end {
        let worker = usize::try_from(chance.below(WORKERS as u64)).unwrap();
        scene.workers.process(worker).signal("STOP");
        thread::sleep(Duration::from_millis(chance.below(3_000)));
        scene.workers.process(worker).signal("CONT");
        thread::sleep(Duration::from_millis(chance.below(500)));
        if chance.below(3) == 0 {
            scene.workers.kill(worker);
            scene.workers.start(worker, &["--all-shards"]);
        }
    }
    drop(publishing);
    let scene = scene.finish();
    let thrown_away = scene.workers.lines_with("batch thrown away");
    eprintln!("{thrown_away} batches were thrown away: another worker had stored its own");
    assert!(thrown_away > 100, "{thrown_away}");
}

#[test]
fn a_worker_that_ends_hands_its_sources_over_before_its_lease_runs_out() {
    let mut scene = Scene::new("cluster-handover", 150);
    scene.workers.start_all(&[]);
    scene.wait_until_begun();
    let feeds = Arc::clone(&scene.feeds);
    let publishing = every(Duration::from_secs(1), move || feeds.publish(1));
    for worker in 0..WORKERS {
        thread::sleep(2 * LEASE);
        let (who, at) = (scene.workers.token(worker), Instant::now());
        scene.workers.terminate(worker);
        let ended = at.elapsed();
        let feeds = Arc::clone(&scene.feeds);
        wait_until("each source has another worker", || {
            thread::sleep(Duration::from_millis(100));
            feeds.last_asked_by(&who) == 0
        });
        let takeovers = scene.feeds.takeovers(&who, at);
        eprintln!(
            "worker {worker} ended in {ended:?}, each of its sources was asked after {}",
            spread(&takeovers)
        );
        assert!(!takeovers.is_empty());
        assert!(takeovers.iter().all(|time| *time < LEASE + Duration::from_secs(1)));
        scene.workers.start(worker, &[]);
    }
    drop(publishing);
    wait_until("each is there", || {
        thread::sleep(Duration::from_millis(500));
        let told = scene.workers.told_of_all();
        told["workers"].as_array().is_some_and(|workers| workers.len() == WORKERS)
    });
    let feeds = Arc::clone(&scene.feeds);
    wait_until("all items are stored", || feeds.are_all_stored());
    let told = scene.workers.told_of_all();
    for source in told["sources"].as_array().unwrap() {
        assert!(source["owner"].is_string(), "{source}");
        let name = source["source"].as_str().unwrap();
        if name.starts_with("feed") {
            assert_eq!(source["events"], feeds.items(), "{source}");
        }
    }
    assert_eq!(told["sources"].as_array().unwrap().len(), 152);
    scene.finish();
}

#[test]
fn sources_that_are_taken_over_ask_no_more_than_before() {
    let mut scene = Scene::new("cluster-storm", 150);
    scene.workers.start_all(&[]);
    scene.wait_until_begun();
    scene.feeds.publish(1);
    thread::sleep(3 * LEASE);
    let span = 4 * LEASE;
    let count = |from: Instant, to: Instant| {
        scene.feeds.asked().iter().filter(|asked| (from..to).contains(&asked.at)).count()
    };
    let from = Instant::now();
    thread::sleep(span);
    let at = Instant::now();
    let (before, most_before) = (count(from, at), scene.feeds.most_a_second(from, at));
    let who = scene.workers.token(0);
    scene.workers.kill(0);
    thread::sleep(span);
    let to = Instant::now();
    let count = |from: Instant, to: Instant| {
        scene.feeds.asked().iter().filter(|asked| (from..to).contains(&asked.at)).count()
    };
    let (after, most_after) = (count(at, to), scene.feeds.most_a_second(at, to));
    let takeovers = scene.feeds.takeovers(&who, at);
    eprintln!(
        "{before} requests in {span:?} before ({most_before} in a second at most), {after} after ({most_after}); \
         {} sources were taken over, after {}",
        takeovers.len(),
        spread(&takeovers)
    );
    assert!(takeovers.iter().all(|time| *time < FAILOVER_MAX));
    // What was missed while nobody asked, and one request for each that was taken over.
    assert!(after <= before + takeovers.len() + before / 10, "{after} after {before}");
    assert!(
        before <= 150 * usize::try_from(span.as_secs()).unwrap() / INTERVAL_SECS as usize * 11 / 10
    );
    scene.finish();
}

#[test]
fn a_wait_that_the_api_asked_for_outlasts_the_worker_that_was_told() {
    let mut scene = Scene::new("cluster-hold", 30);
    scene.workers.change_sources("name = \"feed-1\"", "name = \"feed-1\"\nbudget = \"one\"");
    scene.workers.start_all(&[]);
    scene.wait_until_begun();
    thread::sleep(LEASE);
    let (from, wait) = (Instant::now(), 3 * LEASE);
    scene.feeds.throttle(1, wait);
    let mut who = String::new();
    wait_until("it is told to wait", || {
        let asked = scene.feeds.asked();
        let told = asked.iter().find(|asked| asked.feed == 1 && asked.at > from);
        who = told.map(|told| told.who.clone()).unwrap_or_default();
        told.is_some()
    });
    // It may have to write that down.
    thread::sleep(Duration::from_millis(500));
    let worker = (0..WORKERS).find(|worker| scene.workers.token(*worker) == who).unwrap();
    scene.workers.kill(worker);
    thread::sleep(wait + LEASE);
    let asked = scene.feeds.asked();
    let mut asked = asked.iter().filter(|asked| asked.feed == 1 && asked.at > from);
    assert_eq!(asked.next().unwrap().who, who);
    let next = asked.next().expect("another worker asks");
    let waited = next.at - from;
    eprintln!("no request for {wait:?}, and killed: another worker asked after {waited:?}");
    assert!(next.who != who && waited + Duration::from_millis(100) >= wait, "{waited:?}");
    scene.finish();
}

#[test]
fn a_worker_that_is_held_up_until_another_process_has_its_name_says_so_and_ends() {
    let mut scene = Scene::new("cluster-name", 20);
    scene.feeds.publish(10);
    let mut first = scene.workers.command(0, &["run"]);
    let feeds = Arc::clone(&scene.feeds);
    first.wait_until("all is stored", || feeds.are_all_stored());
    first.signal("STOP");
    thread::sleep(2 * LEASE);
    scene.workers.start(0, &[]);
    scene
        .workers
        .process(0)
        .wait_until_told("that it is there", |told| told.contains("host begins"));
    first.signal("CONT");
    let run = first.wait();
    let told = "another process has this worker's name by now";
    assert!(run.code == Some(1) && run.stderr.contains(told), "{}", run.stderr);
    scene.feeds.publish(10);
    scene.finish();
}
