//! One batch: decoded, cut into lines, held against the ledger, handed to the sink in windows.

use std::collections::HashSet;
use std::sync::PoisonError;

use bytes::Bytes;
use serde::Serialize;
use tokio::runtime::Handle;
use ursa_adapters::body::{DecodeLimits, decode};
use ursa_model::capture::{Frame, FrameKind};
use ursa_model::envelope::{ENDPOINT_SOURCE, Envelope, RECEIVED_VERSION, ReceivedEnvelope, envelope_capture_id};
use ursa_model::ids::{ExchangeId, hash_parts, hex};
use ursa_model::time::Timestamp;

use crate::answer::Problem;
use crate::caller::Caller;
use crate::ledger::{Standing, sender_of};
use crate::limits::{BATCH_BYTES_MAX, WINDOW_BYTES};
use crate::lines::{Line, Rejected, lines};
use crate::service::Collect;
use crate::sink::{Durable, SinkError};
use crate::stats::count;
use crate::turns::Turn;

/// What 200 says.
#[derive(Debug, Serialize)]
pub(crate) struct Told {
    /// Envelopes that were new.
    accepted: u64,
    /// Envelopes that had come before.
    duplicates: u64,
    /// Lines that were not taken.
    rejected: Vec<Rejected>,
    /// Names the envelopes of the batch that are durable now; the same batch gives the same, however often it comes.
    receipt: String,
}

/// A batch as it came.
pub(crate) struct Delivery {
    pub(crate) caller: Caller,
    pub(crate) coding: String,
    pub(crate) bytes: Bytes,
    pub(crate) received: Timestamp,
    /// How far the device's clock is ahead, in microseconds, if it said what it shows.
    pub(crate) ahead: Option<i64>,
}

/// Envelopes handed to the sink and not yet durable.
#[derive(Default)]
struct Window {
    waiting: Vec<(Durable, ExchangeId, Envelope, bool)>,
    bytes: usize,
}

/// What a batch came to so far.
#[derive(Default)]
struct Taken {
    accepted: u64,
    duplicates: u64,
    rejected: Vec<Rejected>,
    durable: Vec<ExchangeId>,
    fresh: HashSet<ExchangeId>,
}

impl Collect {
    /// Takes a batch. Blocks; the sink's answers are waited for in `runtime`.
    pub(crate) fn take(&self, delivery: &Delivery, mut turn: Turn, runtime: &Handle) -> Result<Told, Problem> {
        let decoded = decoded(delivery, &mut turn)?;
        let (mut envelopes, rejected) = lines(&decoded)?;
        drop(decoded);
        // In the order of each spool, whatever the order of the lines.
        envelopes.sort_by_key(|line| (line.envelope.meta.spool, line.envelope.seq, line.number));
        let order = turn.order();
        let _order = order.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = Taken { rejected, ..Taken::default() };
        let mut window = Window::default();
        for line in envelopes {
            let put = self.put(delivery, line, &mut window, &mut taken);
            if window.bytes >= WINDOW_BYTES || put.is_err() {
                // What was taken before a refusal is known when it comes again.
                self.settle(delivery, &mut window, &mut taken, runtime)?;
            }
            put?;
        }
        self.settle(delivery, &mut window, &mut taken, runtime)?;
        Ok(self.receipt(taken))
    }

    /// Hands one envelope to the sink, unless it came before.
    fn put(&self, delivery: &Delivery, line: Line, window: &mut Window, taken: &mut Taken) -> Result<(), SinkError> {
        let Line { number, envelope } = line;
        let caller = &delivery.caller;
        let sender = sender_of(&caller.principal);
        let capture = envelope_capture_id(caller.environment, &caller.principal, envelope.id);
        let standing = if taken.fresh.contains(&capture) {
            Standing::Known
        } else {
            self.ledger().standing(&sender, capture, &envelope)
        };
        // What the endpoint program counts must not be counted twice; anything else gives the same capture again.
        let counts = envelope.source == ENDPOINT_SOURCE;
        if standing == Standing::Known || (standing == Standing::KnownSeq && counts) {
            taken.duplicates += 1;
            taken.durable.push(capture);
            return Ok(());
        }
        let (at, clock_skew) = self.ledger().time(&sender, &envelope, delivery.received, delivery.ahead);
        count(&self.counters().clock_skew, u64::from(clock_skew));
        let received = ReceivedEnvelope {
            version: RECEIVED_VERSION,
            environment: caller.environment,
            principal: caller.principal.clone(),
            device: caller.device.clone(),
            received: delivery.received,
            at,
            clock_skew,
            envelope,
        };
        // Only maps with keys that are no strings, and failing writers, make this fail: none is here.
        let payload = serde_json::to_vec(&received).map_err(|_| SinkError::Failed)?;
        let bytes = payload.len();
        let frame = Frame { exchange: capture, at: delivery.received, kind: FrameKind::Envelope, payload };
        match self.sink().append(frame) {
            Ok(durable) => {
                taken.fresh.insert(capture);
                window.bytes += bytes;
                window.waiting.push((durable, capture, received.envelope, standing == Standing::New));
                Ok(())
            }
            Err(SinkError::TooLarge) => {
                let (id, reason) = (Some(received.envelope.id), SinkError::TooLarge.to_string());
                taken.rejected.push(Rejected { line: number, id, reason });
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Waits until what was handed over is durable.
    fn settle(
        &self,
        delivery: &Delivery,
        window: &mut Window,
        taken: &mut Taken,
        runtime: &Handle,
    ) -> Result<(), SinkError> {
        let sender = sender_of(&delivery.caller.principal);
        let mut outcome = Ok(());
        window.bytes = 0;
        for (durable, capture, envelope, is_new) in window.waiting.drain(..) {
            if let Err(error) = runtime.block_on(durable) {
                outcome = Err(error);
                continue;
            }
            self.ledger().note(&sender, capture, &envelope);
            self.counters().accepted(envelope.channel);
            taken.durable.push(capture);
            taken.accepted += u64::from(is_new);
            taken.duplicates += u64::from(!is_new);
        }
        outcome
    }

    fn receipt(&self, taken: Taken) -> Told {
        let Taken { accepted, duplicates, mut rejected, mut durable, .. } = taken;
        let counters = self.counters();
        count(&counters.batches, 1);
        count(&counters.duplicates, duplicates);
        count(&counters.rejected, rejected.len() as u64);
        rejected.sort_by_key(|bad| bad.line);
        durable.sort_unstable();
        durable.dedup();
        let ids: Vec<&[u8]> = durable.iter().map(|id| id.0.as_slice()).collect();
        let receipt = format!("rcp_{}", hex(&hash_parts("ursa receipt 1", &ids)));
        Told { accepted, duplicates, rejected, receipt }
    }
}

/// The batch's bytes without their coding.
fn decoded(delivery: &Delivery, turn: &mut Turn) -> Result<Bytes, Problem> {
    if delivery.coding.is_empty() {
        return Ok(delivery.bytes.clone());
    }
    if !turn.hold(BATCH_BYTES_MAX) {
        return Err(Problem::busy("too much is being delivered; try again"));
    }
    // As much as a batch may hold, however small it was made.
    let limits = DecodeLimits { output_bytes: BATCH_BYTES_MAX, ratio: usize::MAX, ratio_free_bytes: BATCH_BYTES_MAX };
    let decoded = decode(&delivery.coding, &delivery.bytes, limits);
    match decoded.problem {
        None => Ok(decoded.bytes.into()),
        Some(problem) if problem.kind == "decode_limit" => Err(Problem::too_large()),
        Some(_) => Err(Problem::new(
            http::StatusCode::BAD_REQUEST,
            format!("the body cannot be decoded as {}: cut short or damaged", delivery.coding),
        )),
    }
}
