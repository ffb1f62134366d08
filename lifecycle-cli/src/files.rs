//! What is done with plans and reports.

use std::{fs, path::Path};

use lifecycle_core::{
    Config, HookReport, Manifest, PlanDiff, Report,
    ext::text::{last_names, plain, short},
};
use serde_json::Value;

use crate::{
    Done, End, Trouble,
    args::{CheckArgs, DiffArgs, PlotArgs, ReportArgs},
    print, source,
};

pub(crate) fn check(args: &CheckArgs) -> Done {
    let (plan, mut config) = source::plan_and_config(&args.plan)?;
    if let Some(time) = args.grace_period {
        config = config.grace_period(time);
    }
    for (time, set) in [
        (args.shutdown_delay, Config::shutdown_delay as fn(Config, _) -> Config),
        (args.drain_timeout, Config::drain_timeout),
        (args.reserve, Config::reserve),
    ] {
        if let Some(time) = time {
            config = set(config, time);
        }
    }
    let mut manifest = Manifest::from(args.manifests.join(",")).config(&config);
    if let Some(time) = args.pre_stop {
        manifest = manifest.pre_stop(time);
    }
    if let Some(time) = args.max_kill_timeout {
        manifest = manifest.max_kill_timeout(time);
    }
    for hint in plan.hints() {
        print(format!("hint: {hint}"))?;
    }
    match plan.fits_manifest(manifest) {
        Ok(fits) => print(fits.to_string()).map(|()| End::Good),
        Err(error) => print(error.to_string()).map(|()| End::Bad),
    }
}

pub(crate) fn diff(args: &DiffArgs) -> Done {
    let [old, new] = [source::plan_json(&args.old)?, source::plan_json(&args.new)?];
    let diff = PlanDiff::between(&old, &new).map_err(|error| Trouble::said(error.to_string()))?;
    print(diff.to_string())?;
    Ok(if diff.is_empty() { End::Good } else { End::Bad })
}

pub(crate) fn plot(args: &PlotArgs) -> Done {
    let end = args.output.extension().and_then(|end| end.to_str()).unwrap_or_default();
    let text = source::text(&args.file)?;
    let format = serde_json::from_str::<Value>(&text).unwrap_or_default();
    let drawn = match (format["format"].as_str(), end) {
        (Some("lifecycle.report"), "svg") => source::report(&args.file)?.to_svg(),
        (Some("lifecycle.report"), "html") => source::report(&args.file)?.to_html(),
        (Some("lifecycle.plan"), "svg") => source::plan(&args.file)?.to_svg(),
        (Some("lifecycle.report"), _) => return Err(end_of(&args.output, ".svg or .html")),
        (Some("lifecycle.plan"), _) => return Err(end_of(&args.output, ".svg")),
        _ => {
            return Err(Trouble::said(format!(
                "{}: neither a plan nor a report; LIFECYCLE_PLAN=json and \
                 LIFECYCLE_REPORT=path.json write them",
                args.file.display()
            )));
        }
    };
    fs::write(&args.output, drawn).map_err(Trouble::of(args.output.to_string_lossy()))?;
    Ok(End::Good)
}

fn end_of(output: &Path, known: &str) -> Trouble {
    Trouble::said(format!("{}: let it end in {known}", output.display()))
}

pub(crate) fn blame(args: &ReportArgs) -> Done {
    let report = source::report(&args.report)?;
    hooks(&report, &report.blame())
}

pub(crate) fn chain(args: &ReportArgs) -> Done {
    let report = source::report(&args.report)?;
    let chain = report.critical_chain();
    let drain = report.drain();
    print(format!("{:>9}  delay", short(drain.delay())))?;
    print(format!("{:>9}  drain", short(drain.took())))?;
    hooks(&report, &chain)?;
    print(format!("{:>9}  from the request to the end", short(report.total())))?;
    Ok(End::Good)
}

/// A line each: how long it took, what of its timeout that was, what became of it.
fn hooks(report: &Report, hooks: &[&HookReport]) -> Done {
    let names: Vec<&str> = report.hooks().iter().map(HookReport::name).collect();
    let short_names = last_names(&names);
    let name = |hook: &HookReport| {
        let at = names.iter().position(|name| *name == hook.name());
        plain(at.map_or_else(|| hook.name(), |at| short_names[at]))
    };
    let widest = hooks.iter().map(|hook| name(hook).chars().count()).max().unwrap_or_default();
    for hook in hooks {
        let outcome = hook.outcome();
        print(format!(
            "{:>9}  of {:>8}  {} {:widest$}  {}",
            short(hook.took()),
            short(hook.timeout()),
            outcome.sign(),
            name(hook),
            plain(&outcome.to_string()),
        ))?;
    }
    Ok(End::Good)
}
