//! A plan with every contradiction there is: `process-invalid [run|repaired]`.

use std::process::{ExitCode, Termination};

use lifecycle::{Config, Plan, on_shutdown};

struct Pool;

#[on_shutdown(after = [egg])]
async fn hen() {}

#[on_shutdown(after = [hen])]
async fn egg() {}

#[on_shutdown(order = 1, after = [late])]
async fn early() {}

#[on_shutdown(order = 2)]
async fn late() {}

#[on_shutdown]
async fn takes(_pool: Pool) {}

#[on_shutdown]
async fn takes_too(_pool: Pool) {}

#[on_shutdown(name = "the one")]
async fn one() {}

#[on_shutdown(name = "the one")]
async fn other() {}

#[lifecycle::main]
async fn under_main() {
    println!("main was polled");
}

fn main() -> ExitCode {
    if std::env::args().any(|arg| arg == "repaired") {
        lifecycle::install();
        let runtime =
            tokio::runtime::Runtime::new().unwrap_or_else(|error| panic!("no runtime: {error}"));
        let config = Config::new().plan(Plan::declared().only::<(early,)>());
        return runtime.block_on(config.run(async { println!("main was polled") })).report();
    }
    if std::env::args().any(|arg| arg == "run") {
        let runtime =
            tokio::runtime::Runtime::new().unwrap_or_else(|error| panic!("no runtime: {error}"));
        let report = runtime.block_on(lifecycle::run(async { println!("main was polled") }));
        println!("report code: {}", report.exit_code());
        return report.report();
    }
    under_main().report()
}
