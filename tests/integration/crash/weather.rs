//! What befalls the calls to Aha!.

use std::time::Duration;

use scim_bridge::sim::aha::{Fault, SimulatedAha};
use serde_json::json;

use crate::harness::random::Random;

/// Longer than the bridge waits for an answer.
const TOO_LONG: Duration = Duration::from_millis(1500);

#[derive(Clone, Copy)]
enum Kind {
    Slow,
    SlowAnswer,
    Hangs,
    Drops,
    DropsAnswer,
    Gateway,
    GatewayAfterAll,
    Fails,
    Page,
    Truncated,
    Halved,
    TooMany,
}

/// Orders one trouble after the other, until it is dropped. No write takes effect later than the bridge waits for its answer.
pub(super) async fn change(aha: SimulatedAha, mut random: Random) {
    loop {
        tokio::time::sleep(random.milliseconds(2..20)).await;
        if !aha.has_faults() {
            let fault = fault(&mut random);
            aha.fault(if random.percent(50) { fault } else { fault.on_method(http::Method::PUT) });
        }
    }
}

fn fault(random: &mut Random) -> Fault {
    let wait = random.milliseconds(0..400);
    let kind = random.weighted(&[
        (40, Kind::Slow),
        (15, Kind::SlowAnswer),
        (3, Kind::Hangs),
        (8, Kind::Drops),
        (12, Kind::DropsAnswer),
        (5, Kind::Gateway),
        (6, Kind::GatewayAfterAll),
        (5, Kind::Fails),
        (2, Kind::Page),
        (2, Kind::Truncated),
        (2, Kind::Halved),
        (2, Kind::TooMany),
    ]);
    match kind {
        Kind::Slow => Fault::delay(wait),
        Kind::SlowAnswer => Fault::delay(wait).after_applying(),
        Kind::Hangs => Fault::delay(TOO_LONG).after_applying(),
        Kind::Drops => Fault::drop_connection().delayed(wait),
        Kind::DropsAnswer => Fault::drop_connection().delayed(wait).after_applying(),
        Kind::Gateway => Fault::html(502).delayed(wait),
        Kind::GatewayAfterAll => Fault::html(504).delayed(wait).after_applying(),
        Kind::Fails => Fault::json(500, &json!({ "error": "Oops" })),
        Kind::Page => Fault::html(200).after_applying(),
        Kind::Truncated => Fault::truncate(),
        Kind::Halved => Fault::halve(),
        // It stops everything for a second.
        Kind::TooMany => Fault::too_many_requests().header("retry-after", "1"),
    }
}
