//! Workers and servers that are killed and held up, while they collect.

use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::chance::Chance;
use crate::feeds::Feeds;
use crate::scene::{FAILOVER_MAX, Scene, WORKERS, spread};
use crate::servers::STREAM;
use crate::tool;
use crate::workers::{self, every};

const FEEDS: usize = 498;
/// What it is where nothing is said of it.
const LEASE: Duration = Duration::from_secs(10);
/// How long something is killed again and again.
const KILLED_FOR: Duration = Duration::from_secs(45);

/// What is not there for a while.
#[derive(Debug)]
enum Down {
    Killed(usize),
    Held(usize),
    Server(usize),
}

#[test]
fn nothing_is_lost_or_stored_twice_whatever_is_killed() {
    let mut scene = Scene::new("cluster-kills", FEEDS);
    let mut chance = Chance::new();
    scene.workers.change(
        &format!("lease_secs = {}", workers::LEASE.as_secs()),
        &format!("lease_secs = {}", LEASE.as_secs()),
    );
    scene.workers.start_all(&[]);
    scene.wait_until_begun();
    let feeds = Arc::clone(&scene.feeds);
    let publishing = every(Duration::from_secs(5), move || feeds.publish(3));
    let reading =
        tool::consumer(&scene.cluster, &[], &scene.cluster.dir.join("followed.ndjson"), &[]);

    let mut killed: Vec<(String, Instant)> = Vec::new();
    let mut failures: Vec<Instant> = Vec::new();
    let mut pending: Vec<(Instant, Down)> = Vec::new();
    let mut counts = [0; 4];
    let begun = Instant::now();
    let tell = |what: String| eprintln!("{:5.1} s: {what}", begun.elapsed().as_secs_f64());
    loop {
        let is_over = begun.elapsed() > KILLED_FOR;
        let (due, later): (Vec<_>, Vec<_>) =
            pending.into_iter().partition(|(at, _)| is_over || *at <= Instant::now());
        pending = later;
        for (_, down) in due {
            tell(format!("{down:?} goes on"));
            match down {
                Down::Killed(worker) => scene.workers.start(worker, &[]),
                Down::Held(worker) => scene.workers.process(worker).signal("CONT"),
                Down::Server(server) => scene.cluster.restart(server),
            }
        }
        if is_over {
            break;
        }
        thread::sleep(Duration::from_millis(500 + chance.below(1_500)));
        let is_down = |worker: usize| {
            let is = |down: &Down| matches!(down, Down::Killed(w) | Down::Held(w) if *w == worker);
            pending.iter().any(|(_, down)| is(down))
        };
        let up: Vec<usize> = (0..WORKERS).filter(|worker| !is_down(*worker)).collect();
        let action = usize::try_from(chance.below(4)).unwrap();
        let any = usize::try_from(chance.below(3)).unwrap();
        let at = Instant::now();
        let (down, millis) = match action {
            // For longer or shorter than its lease; or held up, and it does not know for how long.
            0 | 1 if up.len() > 1 => {
                let worker = up[any % up.len()];
                killed.push((scene.workers.token(worker), at));
                if action == 0 {
                    scene.workers.kill(worker);
                    (Down::Killed(worker), chance.below(2_000 * LEASE.as_secs()))
                } else {
                    scene.workers.process(worker).signal("STOP");
                    (Down::Held(worker), 1_000 * LEASE.as_secs() + 1_000 + chance.below(4_000))
                }
            }
            // The leader, or any. One at a time: what no majority does is another test's.
            2 | 3 if scene.cluster.are_all_ready() => {
                let leader = scene.cluster.leader(STREAM).filter(|_| action == 2);
                scene.cluster.kill(leader.unwrap_or(any));
                (Down::Server(leader.unwrap_or(any)), 500 + chance.below(6_000))
            }
            _ => continue,
        };
        counts[action] += 1;
        failures.push(at);
        tell(format!("{down:?} for {millis} ms"));
        pending.push((Instant::now() + Duration::from_millis(millis), down));
    }
    scene.cluster.wait_until_ready();
    drop(publishing);
    tell("all is up".to_owned());
    eprintln!(
        "SEED={}: {} workers killed, {} held up, {} leaders and {} servers killed",
        chance.seed, counts[0], counts[1], counts[2], counts[3]
    );
    let scene = scene.finish();
    let longest = longest_pause(&scene.feeds, &killed, &failures);
    for (at, delay) in scene.feeds.longest_delays() {
        let at = at.saturating_duration_since(begun).as_secs_f64();
        eprintln!(
            "{at:5.1} s: items that were stored {:.1} s later at the latest",
            delay.as_secs_f64()
        );
    }
    let followed = fs::read_to_string(scene.cluster.dir.join("followed.ndjson")).unwrap();
    drop(reading);
    assert_eq!(
        followed.len(),
        fs::read_to_string(scene.cluster.dir.join("events.ndjson")).unwrap().len()
    );
    // Whoever comes next may be killed, too, and the servers with it: what one failure costs is held to its limit
    // in `failures`, and this to an end.
    assert!(longest < 2 * FAILOVER_MAX);
    assert!(scene.feeds.delays().last().is_some_and(|last| *last < 3 * FAILOVER_MAX));
}

/// Tells how long sources waited whose worker was gone, by what else failed meanwhile; and gives the longest wait.
fn longest_pause(feeds: &Feeds, killed: &[(String, Instant)], failures: &[Instant]) -> Duration {
    let mut pauses = Vec::new();
    for (who, at) in killed {
        for time in feeds.pauses(who, *at) {
            let more = failures.iter().filter(|other| *other > at && **other < *at + time).count();
            pauses.push((time, more));
        }
    }
    pauses.sort();
    for (meanwhile, is_so) in [
        ("", (|_| true) as fn(usize) -> bool),
        (", nothing else failing meanwhile,", |more| more == 0),
        (", one thing more failing meanwhile,", |more| more == 1),
        (", more than that failing meanwhile,", |more| more > 1),
    ] {
        let times = pauses.iter().filter(|(_, more)| is_so(*more)).map(|(time, _)| *time);
        let times = spread(&times.collect::<Vec<_>>());
        eprintln!("a source whose worker was gone{meanwhile} was asked again after {times}");
    }
    pauses.last().expect("some waited").0
}
