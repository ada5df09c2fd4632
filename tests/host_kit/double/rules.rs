//! The rules that the double can break, and the bounds of a batch.

use probe_source::answer::Batch;

/// Defines the faults with their names on the command line.
macro_rules! faults {
    ($($fault:ident $name:literal)*) => {
        /// A rule that is broken.
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Fault { $($fault),* }

        impl Fault {
            /// The fault of a name.
            pub(crate) fn named(name: &str) -> Self {
                match name {
                    $($name => Self::$fault,)*
                    _ => panic!("there is no fault {name}"),
                }
            }
        }
    };
}

faults! {
    FollowsRedirects "follows-redirects"
    TakesCutBodies "takes-cut-bodies"
    TakesCutGzip "takes-cut-gzip"
    TakesOneMember "takes-one-member"
    SendsTwice "sends-twice"
    HasNoBound "has-no-bound"
    TakesInterim "takes-interim"
    ClosedIsEmpty "closed-is-empty"
    BeginsTimeAnew "begins-time-anew"
    DeniesNothing "denies-nothing"
    AsksForNoGzip "asks-for-no-gzip"
    AddsCredentials "adds-credentials"
    StoresCursorFirst "stores-cursor-first"
    StoresNothing "stores-nothing"
    ForgetsEmptyBatches "forgets-empty-batches"
    TrimsCursors "trims-cursors"
    MovesAfterErrors "moves-after-errors"
    EndsAtTraps "ends-at-traps"
    KeepsInstances "keeps-instances"
    Hurries "hurries"
    Dawdles "dawdles"
    ForgetsWishes "forgets-wishes"
    PollsTooSoon "polls-too-soon"
    BoundsNoBatch "bounds-no-batch"
}

/// Whether a batch keeps to the bounds of the contract.
pub(crate) fn is_batch(batch: &Batch) -> bool {
    let bytes: usize = batch.events.iter().map(|event| event.body.len()).sum();
    (1..=1_000_000).contains(&batch.cursor.len())
        && batch.events.len() <= 10_000
        && (bytes <= 16 << 20 || batch.events.len() == 1)
        && batch.notices.len() <= 100
        && batch.counters.len() <= 64
        && batch.events.iter().all(|event| {
            (1..=4_096).contains(&event.id.len())
                && (1..=128).contains(&event.kind.len())
                && event
                    .kind
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
                && !event.body.contains('\n')
                && serde_json::from_str::<serde_json::Map<_, _>>(&event.body).is_ok()
        })
}
