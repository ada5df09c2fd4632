//! What workers and a cluster take, on one machine: `cargo xtask bench ledger`.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::feeds::Feeds;
use crate::servers::{Cluster, wait_until};
use crate::workers::Workers;

/// Items of a page: so many are a batch.
const PAGE: usize = 20;

#[test]
#[ignore = "figures, and no test: cargo xtask bench ledger"]
fn what_workers_take() {
    println!("ledger: three servers and all workers on this machine, {PAGE} events a batch");
    println!("workers  sources  batches/s  events/s");
    let mut best = 0.0_f64;
    for (workers, sources, items) in
        [(1, 1, 4_000), (1, 8, 2_000), (1, 64, 1_000), (3, 8, 2_000), (3, 64, 1_000), (3, 500, 200)]
    {
        let (cluster, feeds) = (Cluster::start("figures-rate"), Feeds::start(sources));
        let mut all = Workers::new(&cluster, workers, &feeds.sources(1, ""));
        all.start_all(&[]);
        wait_for_all(&feeds);
        let begun = Instant::now();
        feeds.publish(items);
        stored(&feeds);
        let took = begun.elapsed().as_secs_f64();
        all.terminate_all();
        let events = (sources * items) as f64;
        best = best.max(events / PAGE as f64 / took);
        println!(
            "{workers:7}  {sources:7}  {:9.0}  {:8.0}",
            events / PAGE as f64 / took,
            events / took
        );
    }

    println!("requests where each source has one worker, and where all three run all of them");
    println!("workers  owners  requests  batches thrown away");
    for (args, owners) in [(&[][..], 1), (&["--all-shards"][..], 3)] {
        let (cluster, feeds) = (Cluster::start("figures-double"), Feeds::start(64));
        let mut all = Workers::new(&cluster, 3, &feeds.sources(1, ""));
        all.start_all(args);
        wait_for_all(&feeds);
        let before = feeds.asked().len();
        for _ in 0..10 {
            feeds.publish(2 * PAGE);
            thread::sleep(Duration::from_secs(1));
        }
        stored(&feeds);
        let requests = feeds.asked().len() - before;
        let thrown = all.told().matches("batch thrown away").count();
        all.terminate_all();
        println!("{:7}  {owners:6}  {requests:8}  {thrown}", 3);
    }

    println!("memory of one worker");
    println!("sources that it runs  KiB");
    let mut taken = Vec::new();
    for sources in [10, 500, 1_000] {
        let (cluster, feeds) = (Cluster::start("figures-memory"), Feeds::start(sources));
        let mut all = Workers::new(&cluster, 1, &feeds.sources(30, ""));
        all.start_all(&[]);
        wait_for_all(&feeds);
        feeds.publish(PAGE);
        stored(&feeds);
        let kib = resident_kib(all.process(0).id());
        println!("{sources:20}  {kib}");
        taken.push((sources, kib));
        all.terminate_all();
    }
    let [(few, least), .., (many, most)] = taken[..] else { return };
    let each = most.saturating_sub(least) as f64 / (many - few) as f64;
    println!("each source: {each:.0} KiB");

    println!(
        "on paper, a batch a minute and source, from the best rate above ({best:.0} batches/s a stream):"
    );
    println!("sources   batches/s  streams  memory of all workers");
    for sources in [1_000_u32, 10_000, 100_000] {
        let rate = f64::from(sources) / 60.0;
        let gib = f64::from(sources) * each / 1024.0 / 1024.0;
        // Half of it: a leader that ends has to be caught up with. A configuration has one stream, and 10,000 sources.
        let streams = (rate / (best / 2.0)).ceil().max(f64::from(sources.div_ceil(10_000)));
        println!("{sources:7}  {rate:9.0}  {streams:7.0}  {gib:.1} GiB");
    }
}

fn wait_for_all(feeds: &Feeds) {
    wait_until("each feed is asked", || {
        thread::sleep(Duration::from_millis(50));
        let mut asked: Vec<usize> = feeds.asked().iter().map(|asked| asked.feed).collect();
        asked.sort_unstable();
        asked.dedup();
        asked.len() == feeds.len()
    });
}

/// Waits until all that is published is stored: its source asks for what comes after.
fn stored(feeds: &Feeds) {
    wait_until("all items are stored", || {
        thread::sleep(Duration::from_millis(50));
        feeds.are_all_stored()
    });
}

/// What a process has of the machine's memory.
fn resident_kib(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}
