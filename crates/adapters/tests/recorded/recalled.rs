//! What was read of the requests before changes nothing of what is read of one.

use ursa_adapters::agents;
use ursa_adapters::wire::{self, Recall};

use crate::exchange::{SCENARIOS, exchanges};

#[test]
fn all_recordings_one_after_the_other_are_read_as_each_by_itself() {
    let (recall, mut requests) = (Recall::default(), 0);
    // The second time everything was read before.
    for scenario in SCENARIOS.iter().chain(SCENARIOS) {
        for exchange in exchanges(scenario) {
            let Some(route) = exchange.route else { continue };
            requests += 1;
            let body = exchange.request_body.to_string();
            let (next, problems) = wire::read_next_request(route, &exchange.head.path, body.as_bytes(), &recall);
            let (alone, told) = wire::read_request(route, &exchange.head.path, body.as_bytes());
            let place = format!("{scenario} {}", exchange.seq);
            assert_eq!((&next, &problems), (&alone, &told), "{place}");
            assert_eq!(agents::identify(&exchange.head, next.as_ref()), exchange.identity, "{place}");
            let refined = next.map(|mut request| {
                agents::refine_request(&mut request, &exchange.identity);
                request
            });
            assert_eq!(refined, exchange.request, "{place}");
        }
    }
    assert!(requests > 120, "only {requests} requests");
}
