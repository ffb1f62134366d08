//! Faults on purpose: `ORDERS_SABOTAGE`, a list with commas. Only for the tests of this package,
//! which have to show that they would see a loss.

use std::{env, time::Duration};

use lifecycle::{hook, plan::PlanError};
use sqlx::AnyPool;
use tokio::time;

use crate::hooks::{close_pool, flush_outbox, flush_telemetry};

/// How long a lingering hook takes.
const LINGER: Duration = Duration::from_millis(250);

/// What is to go wrong.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sabotage {
    /// `untracked`: orders are placed without the library knowing of it.
    pub untracked: bool,
    /// `deaf`: main drops the HTTP server when draining begins, instead of letting it finish.
    pub deaf: bool,
    /// `reversed`: the pool is closed before the outbox is flushed.
    pub reversed: bool,
    /// `exit`: the process ends the moment a stop is asked for.
    pub exit: bool,
    /// `stalled`: nothing is dispatched before the end, so that the flush has much to do.
    pub stalled: bool,
    /// `linger`: hooks that only take time stand between the others.
    pub linger: bool,
}

impl Sabotage {
    /// What `ORDERS_SABOTAGE` asks for: nothing when it is not set.
    ///
    /// # Errors
    ///
    /// When it names something unknown.
    pub fn from_env() -> Result<Self, String> {
        let mut sabotage = Self::default();
        for fault in env::var("ORDERS_SABOTAGE")
            .unwrap_or_default()
            .split(',')
            .filter(|fault| !fault.is_empty())
        {
            match fault {
                "untracked" => sabotage.untracked = true,
                "deaf" => sabotage.deaf = true,
                "reversed" => sabotage.reversed = true,
                "exit" => sabotage.exit = true,
                "stalled" => sabotage.stalled = true,
                "linger" => sabotage.linger = true,
                _ => {
                    return Err(format!(
                        "ORDERS_SABOTAGE: there is no `{fault}`; it is for this package's tests only"
                    ));
                }
            }
        }
        Ok(sabotage)
    }

    /// Sets up those faults that wait for the stop.
    ///
    /// # Errors
    ///
    /// When the plan does not take the hooks of a fault.
    pub fn arm(self, pool: &AnyPool) -> Result<(), PlanError> {
        if self.exit {
            tokio::spawn(async {
                lifecycle::requested().await;
                std::process::exit(0);
            });
        }
        if self.reversed {
            let pool = pool.clone();
            hook("close_pool_early")
                .before::<flush_outbox>()
                .register(|| async move { pool.close().await })?;
        }
        if self.linger {
            let linger = || time::sleep(LINGER);
            hook("before_flush").before::<flush_outbox>().register(linger)?;
            hook("before_close").after::<flush_outbox>().before::<close_pool>().register(linger)?;
            hook("before_telemetry")
                .after::<close_pool>()
                .before::<flush_telemetry>()
                .register(linger)?;
        }
        Ok(())
    }
}
