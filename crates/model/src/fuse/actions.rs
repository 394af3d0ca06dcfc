//! Sightings of what has no id on every channel: calls told by tool and arguments, and permissions.
//!
//! Each channel counts them by what it has. On the wire that is the call's id. A hook has nothing but the order of what
//! it told: one before the call, one after it, which are paired here.

use std::collections::BTreeMap;

use super::ranked::Count;
use crate::observation::{Key, Observation, Vantage};

/// The sightings of the wire, each call with its result.
pub(super) fn on_the_wire<'a>(observations: &[&'a Observation]) -> Vec<Count<'a>> {
    let mut calls: BTreeMap<&Key, Count<'a>> = BTreeMap::new();
    for &seen in observations {
        let Some(key) = seen.keys.iter().find(|key| is_call(key)) else { continue };
        let count = calls.entry(key).or_insert_with(|| Count::new(seen, ""));
        count.add(seen);
    }
    let mut counts: Vec<(&Key, Count<'a>)> = calls.into_iter().collect();
    counts.sort_by(|(a, one), (b, other)| (one.first, a).cmp(&(other.first, b)));
    counts.into_iter().map(|(_, count)| count).collect()
}

/// Whether a key is the provider's id of a call.
pub(super) const fn is_call(key: &Key) -> bool {
    matches!(key, Key::Call(_) | Key::CallAt(..))
}

/// The sightings of hooks: what was told before and what was told after, paired. What is told after belongs to the last
/// one before it that has none yet: a call that was denied is told before only, and the next like it must not lose its
/// result to it. What tells neither belongs to the sighting with its own key.
pub(super) fn in_hooks<'a>(observations: &[&'a Observation]) -> Vec<Count<'a>> {
    let mut before = sightings(observations, |vantage| vantage == Vantage::HookBefore);
    let after = sightings(observations, |vantage| vantage != Vantage::HookBefore);
    let mut open: Vec<bool> = vec![true; before.len()];
    let mut alone = Vec::new();
    for count in after {
        let earlier = before.partition_point(|known| known.first <= count.first);
        match (0..earlier).rev().find(|&place| open[place]) {
            Some(place) => {
                open[place] = false;
                before[place].members.extend(count.members);
            }
            None => alone.push(count),
        }
    }
    before.extend(alone);
    before.sort_by(|a, b| (a.first, a.own_key).cmp(&(b.first, b.own_key)));
    before
}

fn sightings<'a>(observations: &[&'a Observation], fits: impl Fn(Vantage) -> bool) -> Vec<Count<'a>> {
    let mut counts: BTreeMap<&'a str, Count<'a>> = BTreeMap::new();
    for &seen in observations.iter().filter(|seen| fits(seen.vantage)) {
        let own_key = seen.own_key.as_deref().unwrap_or_default();
        counts.entry(own_key).or_insert_with(|| Count::new(seen, own_key)).add(seen);
    }
    let mut counts: Vec<Count<'a>> = counts.into_values().collect();
    counts.sort_by(|a, b| (a.first, a.own_key).cmp(&(b.first, b.own_key)));
    counts
}
