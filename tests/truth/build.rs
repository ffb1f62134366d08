//! Takes the loops that the documentation shows out of its text, so that what readers copy is what
//! the tests stop.

use std::{
    env,
    error::Error,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

/// A loop that says none of these is somebody else's.
const OURS: [&str; 7] = [
    "until_draining",
    "until_requested",
    ".pull(",
    "draining()",
    "requested()",
    "drained()",
    "state()",
];

struct Loop {
    /// `docs/tracking.md:29`.
    place: String,
    code: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut loops = Vec::new();
    for path in documents(&root)? {
        println!("cargo::rerun-if-changed={}", path.display());
        let name = path.strip_prefix(&root)?.display().to_string();
        loops.extend(loops_of(&name, &fs::read_to_string(&path)?));
    }
    println!("cargo::rerun-if-changed={}", root.join("docs").display());
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("loops.rs"), program(&loops)?)?;
    let places: Vec<_> = loops.iter().map(|found| &found.place).collect();
    fs::write(out.join("places.rs"), format!("&{places:?}"))?;
    Ok(())
}

fn documents(root: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut paths = vec![root.join("README.md"), root.join("examples/quickstart.rs")];
    for entry in fs::read_dir(root.join("docs"))? {
        let path = entry?.path();
        // What a component does is stopped by the library, not by a milestone; what a recipe shows
        // is run by tests/recipes, and what a job does that keeps a checkpoint by tests/process.
        let elsewhere = ["extending.md", "jobs.md", "recipes.md"];
        let is_of_services = !elsewhere.iter().any(|page| path.ends_with(page));
        if is_of_services && path.extension().is_some_and(|extension| extension == "md") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// The loops in Rust blocks and in code spans; of a program, all of it.
fn loops_of(name: &str, text: &str) -> Vec<Loop> {
    let mut found = Vec::new();
    let mut block: Option<Vec<(usize, &str)>> = name.ends_with(".rs").then(Vec::new);
    for (at, line) in text.lines().enumerate() {
        match &mut block {
            Some(lines) if line.trim() == "```" => {
                found.extend(loops_in(name, lines));
                block = None;
            }
            // Hidden lines are there for the compiler and not for the reader.
            Some(lines) if line.trim() == "#" || line.trim_start().starts_with("# ") => {
                lines.push((at, ""));
            }
            Some(lines) => lines.push((at, line)),
            None if line.trim_start().starts_with("```rust") => block = Some(Vec::new()),
            None => {
                let spans = line.split('`').skip(1).step_by(2);
                spans.for_each(|span| found.extend(loops_in(name, &[(at, span)])));
            }
        }
    }
    found.extend(block.map(|lines| loops_in(name, &lines)).unwrap_or_default());
    found
}

/// A block without functions is taken whole: what stands around its loop is there to be copied too.
fn loops_in(name: &str, lines: &[(usize, &str)]) -> Vec<Loop> {
    let whole = !lines.iter().any(|(_, line)| line.contains("fn "));
    let mut found = Vec::new();
    let mut rest = lines.iter().peekable();
    while let Some((at, line)) = rest.next() {
        if !["while ", "loop {"].iter().any(|word| line.trim_start().starts_with(word)) {
            continue;
        }
        let mut code = (*line).to_owned();
        while !is_whole(&code) && rest.peek().is_some() {
            code.push('\n');
            code.extend(rest.next().map(|(_, line)| *line));
        }
        if !code.contains('{') {
            // A code span shows the head alone.
            let guarded = "{ guard.scope(process(job)).await; }";
            code += if code.contains("guard") { guarded } else { "{ process(x).await; }" };
        } else if whole {
            code = lines.iter().flat_map(|(_, line)| [*line, "\n"]).collect();
        }
        if OURS.iter().any(|word| says(&code, word)) {
            found.push(Loop { place: format!("{name}:{}", at + 1), code });
        }
    }
    found
}

/// Whether `word` stands in `code`, and not as the end of a longer name.
fn says(code: &str, word: &str) -> bool {
    let in_name = |before: char| before.is_alphanumeric() || before == '_';
    code.match_indices(word).any(|(at, _)| word.starts_with('.') || !code[..at].ends_with(in_name))
}

fn is_whole(code: &str) -> bool {
    code.contains('{') && code.matches('{').count() == code.matches('}').count()
}

/// What the loops take from the program around them.
const AROUND: &str = "let mut queue = Queue; let mut rows = rows(); let listener = Listener; \
                      let mut job = 0_u64;";
const RUN: &str = "pub(crate) async fn run(place: &str) -> Result<(), Box<dyn Error>> {
match place {
";

/// One function a loop, found by its place.
fn program(loops: &[Loop]) -> Result<String, std::fmt::Error> {
    let mut text = String::from(RUN);
    for (at, Loop { place, .. }) in loops.iter().enumerate() {
        writeln!(text, "{place:?} => loop_{at}().await,")?;
    }
    writeln!(text, "other => panic!(\"there is no loop at {{other}}\"),\n}}\n}}")?;
    for (at, Loop { code, .. }) in loops.iter().enumerate() {
        writeln!(text, "async fn loop_{at}() -> Result<(), Box<dyn Error>> {{\n{AROUND}")?;
        writeln!(text, "{code}\nOk(())\n}}")?;
    }
    Ok(text)
}
