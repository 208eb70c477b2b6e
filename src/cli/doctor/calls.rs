//! Who pays for the calls that the doctor makes.

use std::{sync::Arc, time::Duration};

use crate::{
    app,
    clock::{Clock, until},
    config,
    connector::{Allowance, Lane, TargetError, allowance::Unlimited},
    converge::Target,
    store::Store,
};

/// How long to wait for a call that the budget allows.
const WAIT: Duration = Duration::from_secs(20);

/// The budget of the target's account, which the server beside it uses as well; or none, where the database that it stands in cannot
/// be opened, which may be what is wrong.
pub(super) struct Calls(Option<Arc<Target>>);

impl Calls {
    /// Those to the target of `app`.
    pub(super) fn of(app: &config::App, store: Option<&Store>, clock: &Arc<dyn Clock>) -> Self {
        // Why there is no target is said by whoever wants to call it.
        Self(store.and_then(|store| app::target(app, store, clock).ok()))
    }

    /// Makes one.
    ///
    /// # Errors
    /// As `call` fails, and when the budget allows none.
    pub(super) async fn make<T>(
        &self,
        call: impl AsyncFnOnce(&mut dyn Allowance) -> Result<T, TargetError>,
    ) -> Result<T, TargetError> {
        let Some(target) = &self.0 else { return call(&mut Unlimited).await };
        let deadline = target.clock.now() + WAIT;
        let permit = until(&*target.clock, deadline, target.budget.permit(Lane::Change)).await;
        let Some(mut permit) = permit else { return Err(TargetError::RateLimited { until: None }) };
        let result = call(&mut permit).await;
        target.close(permit, &result).await;
        result
    }
}
