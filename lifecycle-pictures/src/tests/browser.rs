//! The pictures as a browser shows them. `PICTURES_DIR=path` keeps what it was given and what it showed.

use std::{
    collections::HashSet,
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::samples::*;

const SIZES: [usize; 4] = [1, 8, 40, 200];
/// A tile of the sheet that a screenshot is taken of.
const TILE: [usize; 2] = [1_120, 700];
/// A busy machine is waited for.
const PATIENCE: Duration = Duration::from_secs(180);
const NAMES: [&str; 5] =
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];

/// What a picture is called, and its text.
struct Picture {
    name: String,
    is_page: bool,
    text: String,
}

impl Picture {
    fn all() -> Vec<Self> {
        let new = |name: String, is_page, text| Self { name, is_page, text };
        let plans = SIZES.iter().flat_map(|&count| {
            Shape::ALL.map(|shape| {
                new(format!("plan-{shape:?}-{count}"), false, plan(shape, count).to_svg())
            })
        });
        let reports = SIZES
            .iter()
            .map(|&count| new(format!("report-{count}"), false, report(count).to_svg()));
        let pages =
            SIZES.iter().map(|&count| new(format!("page-{count}"), true, report(count).to_html()));
        let why = format!(
            "the shutdown plan is invalid:\n   - `a` runs before `b`: {}",
            "because ".repeat(40)
        );
        let invalid = invalid_report(&[why, "LIFECYCLE_停止=soon: no duration".to_owned()]);
        let nothing = [
            new("invalid-report".to_owned(), false, invalid.to_svg()),
            new("invalid-page".to_owned(), true, invalid.to_html()),
            new("empty-report".to_owned(), false, empty_report().to_svg()),
            new("empty-page".to_owned(), true, empty_report().to_html()),
            new("empty-plan".to_owned(), false, plan(Shape::Chain, 0).to_svg()),
        ];
        plans.chain(reports).chain(pages).chain(nothing).collect()
    }

    fn file(&self) -> String {
        format!("{}.{}", self.name, if self.is_page { "html" } else { "svg" })
    }
}

#[test]
fn nothing_is_over_anything_and_nothing_is_cut() {
    let Some(browser) = Browser::find() else { return };
    let pictures = Picture::all();
    let frames: String = pictures.iter().flat_map(|picture| {
        // A page has to fit narrow windows as well.
        let widths = if picture.is_page { &[1_280, 700][..] } else { &[1_280][..] };
        widths.iter().map(|width| {
            let kind = if picture.is_page { "page" } else { "svg" };
            let body = if picture.is_page { "" } else { "<body style=\"margin:0\">" };
            let text = format!("{body}{}", picture.text).replace('&', "&amp;").replace('"', "&quot;");
            let name = format!("{}@{width}", picture.name);
            format!("<iframe title=\"{name}\" data-kind=\"{kind}\" width=\"{width}\" height=\"800\" srcdoc=\"{text}\"></iframe>")
        })
    }).collect();
    let page =
        format!("<!DOCTYPE html><body>{frames}<script>{}</script>", include_str!("measure.js"));
    let file = browser.write("measure.html", &page);
    let shown = browser.run(&["--dump-dom"], &file);
    let lines = shown.split("MEASURED\n").nth(1).and_then(|rest| rest.split("\nEND").next());
    let (counts, found) =
        lines.and_then(|lines| lines.split_once("\nFOUND")).expect("the page was measured");
    assert_eq!(found, "", "{found}");
    assert_eq!(counts.lines().count(), pictures.len() + SIZES.len() + 2, "{counts}");
    for count in SIZES {
        // The drawing, its texts, its boxes, and what is in the legend.
        let of = |name: &str| {
            counts.lines().find(|line| line.starts_with(&format!("{name}-{count}@"))).unwrap()
        };
        let numbers = |name: &str| {
            of(name).split(' ').skip(1).map(|word| word.parse().unwrap()).collect::<Vec<usize>>()
        };
        let [drawings, texts, boxes, _] = numbers("plan-Orders")[..] else { panic!("{counts}") };
        assert!(drawings == 1 && texts > 2 * count && boxes >= count, "{counts}");
        let [drawings, texts, _, bars] = numbers("report")[..] else { panic!("{counts}") };
        assert!(drawings == 1 && texts > 2 * count && bars > count / 2, "{counts}");
        assert!(numbers("page")[0] >= 2, "{counts}");
    }
}

#[test]
fn it_is_seen_in_light_and_in_dark() {
    let Some(browser) = Browser::find() else { return };
    for picture in Picture::all() {
        browser.write(&picture.file(), &picture.text);
    }
    let rows = SIZES.map(|count| {
        [
            format!("plan-Random-{count}.svg"),
            format!("report-{count}.svg"),
            format!("page-{count}.html"),
        ]
    });
    let [width, height] = TILE;
    let frames: String = rows
        .iter()
        .flatten()
        .map(|file| {
            format!("<iframe src=\"{file}\" width=\"{width}\" height=\"{height}\"></iframe>")
        })
        .collect();
    let page = format!(
        "<!DOCTYPE html><style>body{{margin:0;width:{}px}}iframe{{border:0;float:left}}</style>{frames}",
        3 * width
    );
    let file = browser.write("sheet.html", &page);
    for (scheme, setting) in [("light", "1"), ("dark", "0")] {
        let shot = browser.dir().join(format!("sheet-{scheme}.png"));
        let options = [
            format!("--blink-settings=preferredColorScheme={setting}"),
            format!("--window-size={},{}", 3 * width, rows.len() * height),
            format!("--screenshot={}", shot.display()),
            "--hide-scrollbars".to_owned(),
        ];
        browser.run(&options.each_ref().map(String::as_str), &file);
        let sheet = Sheet::read(&shot);
        for (at, file) in rows.iter().flatten().enumerate() {
            let tile = [at % 3 * width, at / 3 * height];
            let ground = sheet.pixel([tile[0] + 3, tile[1] + 3]);
            let is_dark = ground.iter().all(|part| *part < 50);
            let is_light = ground.iter().all(|part| *part > 230);
            assert!(
                if scheme == "dark" { is_dark } else { is_light },
                "{file} in {scheme}: {ground:?}"
            );
            let colours = sheet.colours(tile, 30);
            assert!(colours >= 30, "{file} in {scheme} has {colours} colours");
        }
    }
}

/// Chromium, and a directory for what it reads and writes.
struct Browser {
    program: PathBuf,
    scratch: TempDir,
    kept: Option<PathBuf>,
}

impl Browser {
    /// Without one it says so in one line and there is none; under `CI=true` that is a failure.
    fn find() -> Option<Self> {
        let path = env::var_os("PATH").unwrap_or_default();
        let programs = env::split_paths(&path).flat_map(|dir| NAMES.map(|name| dir.join(name)));
        let found = env::var_os("CHROMIUM")
            .map(PathBuf::from)
            .into_iter()
            .chain(programs)
            .find(|file| file.is_file());
        let Some(program) = found else {
            let line = "passed over: no Chromium on PATH nor in CHROMIUM; `apt-get install chromium` to run this";
            assert!(env::var("CI").as_deref() != Ok("true"), "{line}");
            eprintln!("{line}");
            return None;
        };
        let kept = env::var_os("PICTURES_DIR").map(PathBuf::from);
        kept.iter().for_each(|dir| fs::create_dir_all(dir).unwrap());
        Some(Self { program, scratch: tempfile::tempdir().unwrap(), kept })
    }

    fn dir(&self) -> &Path {
        self.kept.as_deref().unwrap_or_else(|| self.scratch.path())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.dir().join(name);
        fs::write(&file, text).unwrap();
        file
    }

    /// What it writes to its standard output while it shows `file`.
    fn run(&self, options: &[&str], file: &Path) -> String {
        let profile = tempfile::tempdir().unwrap();
        let output = self.scratch.path().join("output");
        let mut browser = Command::new(&self.program)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
            ])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(options)
            .arg(format!("file://{}", file.display()))
            .stdin(Stdio::null())
            .stdout(File::create(&output).unwrap())
            .stderr(File::create(self.scratch.path().join("errors")).unwrap())
            .spawn()
            .unwrap();
        let begin = Instant::now();
        let status = loop {
            if let Some(status) = browser.try_wait().unwrap() {
                break status;
            }
            if begin.elapsed() > PATIENCE {
                browser.kill().unwrap();
                browser.wait().unwrap();
                panic!("{} took longer than {PATIENCE:?}", self.program.display());
            }
            thread::sleep(Duration::from_millis(20));
        };
        let errors = fs::read_to_string(self.scratch.path().join("errors")).unwrap_or_default();
        assert!(status.success(), "{}: {status}: {errors}", self.program.display());
        fs::read_to_string(output).unwrap()
    }
}

/// A screenshot, decoded.
struct Sheet {
    width: usize,
    /// Bytes a pixel.
    depth: usize,
    bytes: Vec<u8>,
}

impl Sheet {
    fn read(file: &Path) -> Self {
        let file = std::io::BufReader::new(File::open(file).unwrap());
        let mut reader = png::Decoder::new(file).read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut bytes).unwrap();
        Self { width: info.width as usize, depth: info.color_type.samples(), bytes }
    }

    fn pixel(&self, [x, y]: [usize; 2]) -> [u8; 3] {
        let at = (y * self.width + x) * self.depth;
        self.bytes[at..at + 3].try_into().unwrap()
    }

    /// How many different ones there are in the tile that begins there, counted up to `enough`.
    fn colours(&self, [left, top]: [usize; 2], enough: usize) -> usize {
        let mut seen = HashSet::new();
        for (x, y) in (top..top + TILE[1]).flat_map(|y| (left..left + TILE[0]).map(move |x| (x, y)))
        {
            seen.insert(self.pixel([x, y]));
            if seen.len() == enough {
                break;
            }
        }
        seen.len()
    }
}
