//! Colours and fonts: one list, light and dark beside each other.
//!
//! The colours of outcomes are those of Okabe and Ito, which people with any colour vision tell apart; each
//! stands beside a sign. Rules are plain classes without variables, for viewers that are no browsers.

/// Selector, property, and the value in light and in dark.
type Rule = (&'static str, &'static str, [&'static str; 2]);

pub(super) const GROUND: [&str; 2] = ["#ffffff", "#14181d"];
pub(super) const BAND: [&str; 2] = ["#f3f5f7", "#1d232a"];
pub(super) const BOX: [&str; 2] = ["#ffffff", "#29313a"];
pub(super) const INK: [&str; 2] = ["#1b2128", "#e8edf2"];
pub(super) const FAINT: [&str; 2] = ["#57606a", "#a5b0bb"];
const LINE: [&str; 2] = ["#7d8893", "#84909c"];
const THIN: [&str; 2] = ["#d3d9df", "#38424c"];

/// What stands on the colours of outcomes, but for that of stuck.
pub(super) const ON_COLOUR: &str = "#000000";

/// The colours of what went on, light and dark alike where one serves both.
pub(super) const COLOURS: [(&str, [&str; 2]); 11] = [
    ("completed", ["#009e73"; 2]),
    ("late", ["#f0e442"; 2]),
    ("failed", ["#e8702a"; 2]),
    ("panicked", ["#cc79a7"; 2]),
    ("timed-out", ["#e69f00"; 2]),
    ("stuck", INK),
    ("skipped", ["#56b4e9"; 2]),
    ("not-started", ["#c3cbd3", "#8b97a3"]),
    ("unregistered", ["#c3cbd3", "#8b97a3"]),
    ("delay", ["#9db4c8", "#6f879c"]),
    ("drain", ["#4a90c8"; 2]),
];

const FIXED: &str =
    "\"DejaVu Sans Mono\",ui-monospace,Menlo,Consolas,\"Liberation Mono\",monospace";

/// The rules of the drawings.
pub(super) fn css() -> String {
    let css = format!(
        ".lc text{{font:12px {FIXED};white-space:pre}}\
         .lc .lc-title{{font-size:15px;font-weight:700}}\
         .lc .lc-end{{text-anchor:end}}.lc .lc-middle{{text-anchor:middle}}\
         .lc-edge,.lc-thin,.lc-step,.lc-heavy,.lc-room{{fill:none}}\
         .lc-box,.lc-thin,.lc-step,.lc-room,.lc-bar{{stroke-width:1}}\
         .lc-edge{{stroke-width:1.2}}.lc-heavy{{stroke-width:2.6}}\
         .lc-critical .lc-box{{stroke-width:2.6;stroke-dasharray:none}}\
         .lc-open{{stroke-dasharray:4 3}}.lc-link{{stroke-width:1.8;fill:none}}\
         .lc-signal{{fill:none;stroke-width:1.2;stroke-dasharray:5 3}}\
         .lc-area{{fill-opacity:.45}}.lc-catch{{fill-opacity:0}}"
    );
    let [light, dark] = [0, 1].map(|scheme| {
        let rules = RULES.iter().map(|(selector, property, values)| {
            format!("{selector}{{{property}:{}}}", values[scheme])
        });
        let colours =
            COLOURS.iter().map(|(name, values)| format!(".lc-{name}{{fill:{}}}", values[scheme]));
        rules.chain(colours).collect::<String>()
    });
    css + &light + &format!("@media screen and (prefers-color-scheme:dark){{{dark}}}")
}

/// The rules of the page around the drawings.
pub(super) fn page_css() -> String {
    let [light, dark] = [0, 1].map(|scheme| {
        format!(
            ":root{{--ground:{};--band:{};--ink:{};--faint:{};--thin:{}}}",
            GROUND[scheme], BAND[scheme], INK[scheme], FAINT[scheme], THIN[scheme]
        )
    });
    format!(
        "{light}@media screen and (prefers-color-scheme:dark){{{dark}}}{}",
        include_str!("page.css")
    )
}

const RULES: [Rule; 13] = [
    (".lc-ground", "fill", GROUND),
    (".lc-band", "fill", BAND),
    (".lc-box", "fill", BOX),
    (".lc-box,.lc-edge,.lc-room,.lc-bar", "stroke", LINE),
    (".lc-arrow", "fill", LINE),
    (".lc-thin", "stroke", THIN),
    (".lc text,.lc-ink", "fill", INK),
    (".lc .lc-faint", "fill", FAINT),
    (".lc-heavy,.lc-link,.lc-critical .lc-box", "stroke", INK),
    (".lc .lc-on", "fill", [ON_COLOUR; 2]),
    (".lc .lc-stuck+.lc-on", "fill", GROUND),
    (".lc-signal", "stroke", FAINT),
    (".lc-step", "stroke", ["#1f5f93", "#9ccaf0"]),
];
