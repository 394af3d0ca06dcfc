//! What must hold for any batch: shared by the fuzz target and by the test that replays its seeds on stable Rust.

use ursa_collect::{Spool, lines};
use ursa_model::capture::Principal;
use ursa_model::envelope::{RECEIVED_VERSION, ReceivedEnvelope};
use ursa_model::{EnvironmentId, Timestamp};

/// Any bytes as a batch: each line that is not empty is taken or told, in order; what is taken can be written as a frame
/// and read again as the same; and whatever it says of times and numbers, the spool keeps its order.
pub fn envelopes(input: &[u8]) {
    let Ok((taken, rejected)) = lines(input) else { return };
    let filled = input.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
    assert_eq!(taken.len() + rejected.len(), filled);
    assert!(taken.is_sorted_by(|one, other| one.number < other.number));
    let received = Timestamp::from_micros(1_795_392_000_000_000);
    let mut spool = Spool::default();
    for line in taken {
        let ahead = (line.number % 3 == 0).then_some(line.envelope.at.as_micros());
        let (at, clock_skew) = spool.time(line.envelope.seq, line.envelope.at, received, ahead);
        assert!(at <= received.plus_micros(3_600_000_000) || !clock_skew);
        if let Some(seq) = line.envelope.seq {
            let missing = spool.missing();
            spool.insert(seq);
            assert!(spool.has(seq) && (spool.missing() <= missing.max(seq)));
        }
        let told = ReceivedEnvelope {
            version: RECEIVED_VERSION,
            environment: EnvironmentId::default_environment(),
            principal: Principal::Loopback,
            device: None,
            received,
            at,
            clock_skew,
            envelope: line.envelope,
        };
        let frame = serde_json::to_vec(&told).expect("plain data");
        let again: ReceivedEnvelope = serde_json::from_slice(&frame).expect("what was written");
        assert_eq!(serde_json::to_vec(&again).expect("plain data"), frame);
        assert_eq!(again.envelope.body.get(), told.envelope.body.get());
    }
}
