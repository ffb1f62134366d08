//! The tables: every run, for a terminal; worst cases and every run, for the documentation.

use std::{os::unix::process::ExitStatusExt, time::Duration};

use crate::{
    measure::{Case, Run},
    peer::Peer,
    setup::SetUp,
};

const HEADINGS: [&str; 8] =
    ["set-up", "runtime", "peer", "gone after", "overshoot", "result", "exit code", "culprit named"];

/// Aligned columns.
pub(crate) fn text(runs: &[Run]) -> String {
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    rows.extend(runs.iter().map(cells));
    let widths: Vec<usize> = (0..HEADINGS.len())
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    let line = |row: &[String; 8]| {
        let cells: Vec<_> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}", width = *width)).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    let table: String = rows.iter().map(line).collect();
    format!("{table}\n{}\n", noise(runs))
}

/// A table of worst overshoots, and all runs folded away.
pub(crate) fn markdown(runs: &[Run]) -> String {
    let mut out = String::from(
        "Worst overshoot over the runtimes; a dash: gone in time; *never*: killed at the end of the grace period.\n\n",
    );
    let peers = Peer::ALL.map(|peer| peer.to_string());
    out += &heading(&[&["set-up".to_owned()][..], &peers].concat());
    for set_up in SetUp::ALL {
        let worst = Peer::ALL.map(|peer| worst(runs, set_up, peer));
        out += &row(&[&[set_up.to_string()][..], &worst].concat());
    }
    let totals = Peer::ALL.map(|peer| {
        let late = runs.iter().filter(|run| run.case.peer == peer && is_late(run)).count();
        let all = runs.iter().filter(|run| run.case.peer == peer).count();
        format!("**{late} of {all} runs**")
    });
    out += &row(&[&["**late**".to_owned()][..], &totals].concat());
    out += "\n<details><summary>Every run</summary>\n\n";
    out += &heading(&HEADINGS.map(str::to_owned));
    for run in runs {
        out += &row(&cells(run));
    }
    out + &format!("\n</details>\n\n{}", noise(runs))
}

/// What an overshoot has to be compared with.
fn noise(runs: &[Run]) -> String {
    let noise = runs.iter().map(|run| run.noise).max().unwrap_or_default();
    format!("Noise of the machine: the measuring program's own timers were late by {noise:.1?} at worst.")
}

fn worst(runs: &[Run], set_up: SetUp, peer: Peer) -> String {
    let runs: Vec<_> = runs.iter().filter(|run| run.case.set_up == set_up && run.case.peer == peer).collect();
    let overshoot = runs.iter().map(|run| run.overshoot()).max().unwrap_or_default();
    match runs.iter().filter(|run| run.was_killed()).count() {
        0 => duration(overshoot),
        killed => format!("never ({killed} of {} killed)", runs.len()),
    }
}

fn is_late(run: &Run) -> bool {
    run.overshoot() >= crate::GOAL
}

fn cells(run: &Run) -> [String; 8] {
    let Case { set_up, flavour, peer } = run.case;
    [
        set_up.to_string(),
        flavour.to_string(),
        peer.to_string(),
        format!("{:.3} s", run.gone.as_secs_f64()),
        if run.was_killed() { "never".to_owned() } else { duration(run.overshoot()) },
        run.result.clone().unwrap_or_else(|| "none".to_owned()),
        exit_code(run),
        match run.named {
            None => "(has no name)".to_owned(),
            Some((named, all)) if named == all => "yes".to_owned(),
            Some((0, _)) => "no".to_owned(),
            Some((named, all)) => format!("{named} of {all}"),
        },
    ]
}

fn exit_code(run: &Run) -> String {
    match (run.status.code(), run.status.signal()) {
        (Some(code), _) => code.to_string(),
        (None, _) if run.was_killed() => "137, killed".to_owned(),
        (None, signal) => format!("{}, by signal", 128 + signal.unwrap_or(0)),
    }
}

fn duration(overshoot: Duration) -> String {
    if overshoot.is_zero() { "-".to_owned() } else { format!("{} ms", overshoot.as_millis()) }
}

fn heading(cells: &[String]) -> String {
    row(cells) + &row(&vec!["---".to_owned(); cells.len()])
}

fn row(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}
