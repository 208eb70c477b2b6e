//! Whether the clock that the bridge goes by is right, as far as the target's tells: what expires, and what a JWT says of itself, goes
//! by it.

use std::{sync::Arc, time::Duration};

use crate::{
    clock::{Clock, Time},
    config::{self, Connector},
    passthrough::probe::Finding,
    upstream::told_time,
};

/// A `Date` has whole seconds, and an answer takes a while.
const UNNOTICEABLE: Duration = Duration::from_secs(5);

/// By so much the clocks of whoever makes a JWT and of this machine may differ.
const TOLERABLE: Duration = Duration::from_secs(60);

/// Whose clock the bridge goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// That of the machine that it runs on.
    Machine,
    /// That of the server of its database, which all replicas share.
    Database,
}

impl Whose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Machine => "this machine's clock",
            Self::Database => "the clock of the database's server, by which all replicas go,",
        }
    }
}

/// What is to be said of it.
pub(super) async fn findings(app: &config::App, clock: &Arc<dyn Clock>, whose: Whose) -> Option<Finding> {
    let base_url = match &app.connector {
        Connector::Scim(scim) => scim.base_url.as_str(),
        other => other.aha_account()?.base_url.as_str(),
    };
    let asked_at = clock.now();
    let told = match told_time(base_url).await {
        Ok(Some(told)) => told,
        Ok(None) => {
            return Some(Finding::ok(format!(
                "{base_url} does not tell the time, so the clock is not compared"
            )));
        }
        // Why it cannot be asked is told elsewhere.
        Err(_) => return None,
    };
    Some(judge(whose, base_url, told, (asked_at, clock.now())))
}

/// What a target told that was asked then and answered `now`.
fn judge(whose: Whose, target: &str, told: Time, (asked_at, now): (Time, Time)) -> Finding {
    let clock = whose.as_str();
    let (behind, ahead) = (told.since(now), asked_at.since(told + Duration::from_secs(1)));
    let (differs, direction) = if behind > ahead { (behind, "behind") } else { (ahead, "ahead of") };
    let seconds = differs.as_secs();
    let said = format!("{clock} is {seconds} s {direction} that of {target}");
    let to_do = "let it be set by NTP (`timedatectl` there tells whether it is)";
    if differs > TOLERABLE {
        Finding::problem(format!("{said}: tokens end at the wrong time, and JWTs are refused; {to_do}"))
    } else if differs > UNNOTICEABLE {
        Finding::warning(format!("{said}; {to_do}"))
    } else {
        Finding::ok(format!("{clock} is that of {target}"))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::passthrough::probe::Level;

    #[rstest]
    #[case::the_same(0, Level::Ok, "is that of")]
    #[case::a_little(4, Level::Ok, "is that of")]
    #[case::behind(20, Level::Warning, "18 s behind")]
    #[case::ahead(-20, Level::Warning, "19 s ahead of")]
    #[case::far_behind(4000, Level::Problem, "3998 s behind")]
    #[case::far_ahead(-4000, Level::Problem, "3999 s ahead of")]
    fn clocks_that_differ_are_told_by_how_much(
        #[case] seconds: i64,
        #[case] level: Level,
        #[case] text: &str,
    ) {
        let time = |seconds: i64| Time::from_micros((1_700_000_000 + seconds) * 1_000_000);
        // The answer took two seconds.
        for (whose, name) in [(Whose::Machine, "this machine"), (Whose::Database, "database's server")] {
            let finding = judge(whose, "aha.example", time(seconds), (time(0), time(2)));
            assert_eq!(finding.level, level, "{finding:?}");
            assert!(finding.text.contains(text) && finding.text.contains(name), "{finding:?}");
        }
    }
}
