//! Servers that cannot store anything for a while.

use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fs, thread};

use end_to_end::artifacts;
use end_to_end::small_disk::SmallDisk;

use crate::feeds::Feeds;
use crate::scene::{FAILOVER_MAX, Scene};
use crate::servers::{Cluster, STREAM, Settings, wait_until};
use crate::workers::every;

#[test]
fn without_a_majority_nothing_is_asked_for_and_with_one_it_goes_on() {
    let mut scene = Scene::new("cluster-quorum", 60);
    scene.workers.start_all(&[]);
    scene.wait_until_begun();
    let feeds = Arc::clone(&scene.feeds);
    let publishing = every(Duration::from_secs(1), move || feeds.publish(1));
    thread::sleep(Duration::from_secs(5));
    let leader = scene.cluster.wait_for_leader(STREAM);
    for server in [leader, (leader + 1) % 3] {
        scene.cluster.kill(server);
    }
    // What was under way may still be asked for, and held back by the ledger.
    thread::sleep(Duration::from_secs(12));
    let before = scene.feeds.asked().len();
    thread::sleep(Duration::from_secs(8));
    let asked = scene.feeds.asked().len() - before;
    eprintln!("{asked} requests of 60 sources in 8 s without a majority");
    assert!(asked <= 60, "{asked}");
    for server in [leader, (leader + 1) % 3] {
        scene.cluster.restart(server);
    }
    let (back, items) = (Instant::now(), scene.feeds.items());
    let feeds = Arc::clone(&scene.feeds);
    wait_until("each source stores again", || {
        thread::sleep(Duration::from_millis(100));
        feeds.least_stored() >= items
    });
    eprintln!(
        "each source stored all that was missed {:.1} s after the servers came back",
        back.elapsed().as_secs_f64()
    );
    assert!(back.elapsed() < 2 * FAILOVER_MAX);
    drop(publishing);
    scene.finish();
}

#[test]
fn a_full_disk_of_one_server_loses_nothing_and_stops_nothing_once_that_server_ends() {
    let dir = artifacts::scratch("cluster-disk");
    fs::create_dir_all(dir.join("n1")).unwrap();
    let store = dir.join("n1/store");
    let Some(disk) = SmallDisk::mount(&store, 40 << 20) else { return };
    let settings = Settings { store: Some(store.join("jetstream")), ..Settings::default() };
    let mut scene = Scene::on(Cluster::with(&dir, settings), 60);
    scene.workers.start_all(&[]);
    scene.wait_until_begun();
    let feeds = Arc::clone(&scene.feeds);
    let publishing = every(Duration::from_secs(1), move || feeds.publish(1));
    for is_leader in [false, true] {
        wait_until("the server with the small disk leads, or does not", || {
            if (scene.cluster.leader(STREAM) == Some(0)) != is_leader {
                scene.cluster.step_down(STREAM, is_leader.then_some("n1"));
                thread::sleep(Duration::from_secs(2));
            }
            (scene.cluster.leader(STREAM) == Some(0)) == is_leader
        });
        disk.fill();
        let (full, items) = (Instant::now(), scene.feeds.items() + 5);
        let goes_on = |feeds: &Feeds| feeds.least_stored() >= items;
        while !goes_on(&scene.feeds) && full.elapsed() < FAILOVER_MAX {
            thread::sleep(Duration::from_millis(100));
        }
        let told = fs::read_dir(dir.join("n1")).unwrap().flatten();
        let told: String = told.filter_map(|file| fs::read_to_string(file.path()).ok()).collect();
        assert!(told.contains("no space left"), "the disk was not full");
        let (health, why) = scene.cluster.health(0);
        eprintln!(
            "full disk of the {}: after {:.1} s each source {} five more items stored; /healthz: {health} {why}",
            if is_leader { "leader" } else { "follower" },
            full.elapsed().as_secs_f64(),
            if goes_on(&scene.feeds) { "had" } else { "had not" },
        );
        // A server whose JetStream has given up may lead on and say nothing: whoever watches it ends it.
        assert!(
            goes_on(&scene.feeds) || health != 200,
            "nothing is stored, and no server is unwell"
        );
        scene.cluster.kill(0);
        let ended = Instant::now();
        wait_until("each source goes on without it", || {
            thread::sleep(Duration::from_millis(100));
            goes_on(&scene.feeds)
        });
        eprintln!("ended: after {:.1} s each source goes on", ended.elapsed().as_secs_f64());
        disk.free();
        scene.cluster.restart(0);
        scene.cluster.wait_until_ready();
    }
    drop(publishing);
    scene.finish();
}
