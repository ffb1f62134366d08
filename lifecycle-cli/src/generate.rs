//! Completions and the manual, from the arguments.

use std::io;

use clap::CommandFactory;

use crate::{
    Done, End, Trouble,
    args::{Args, CompletionsArgs, ManArgs},
};

pub(crate) fn completions(args: &CompletionsArgs) -> Done {
    let mut written = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "lifecycle", &mut written);
    write(&written)
}

pub(crate) fn man(args: &ManArgs) -> Done {
    if let Some(folder) = &args.dir {
        let written = clap_mangen::generate_to(Args::command(), folder);
        written.map_err(Trouble::of(folder.to_string_lossy()))?;
        return Ok(End::Good);
    }
    let mut written = Vec::new();
    let rendered = clap_mangen::Man::new(Args::command()).render(&mut written);
    rendered.map_err(Trouble::of("the manual"))?;
    write(&written)
}

fn write(bytes: &[u8]) -> Done {
    let written = io::Write::write_all(&mut io::stdout(), bytes);
    written.map_err(Trouble::of("standard output"))?;
    Ok(End::Good)
}
