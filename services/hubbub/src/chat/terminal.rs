//! Both ends of the terminal. On a real one lines are edited (`rustyline`), and what comes in is printed
//! above the line that is being typed; piped input is read line by line, and output is written as it is.

use std::{
    io::{self, IsTerminal as _},
    thread,
};

use anyhow::Context as _;
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use rustyline::{Config, DefaultEditor, ExternalPrinter, error::ReadlineError};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    sync::mpsc,
};

use crate::announce;

/// Lines that wait for the connection. At the bound typing has to wait.
const LINES_MAX: usize = 1_024;
const PROMPT: &str = "> ";

/// What comes from the keyboard. The end of the channel is the end of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Line(String),
    /// Ctrl-C.
    Interrupted,
}

/// Where the program prints.
pub(super) struct Screen {
    above: Option<Box<dyn ExternalPrinter + Send>>,
    _cooked: Option<Cooked>,
}

/// Opens both ends.
pub(super) fn open() -> anyhow::Result<(Screen, mpsc::Receiver<Input>)> {
    let (sender, receiver) = mpsc::channel(LINES_MAX);
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        tokio::spawn(read_lines(sender));
        return Ok((Screen { above: None, _cooked: None }, receiver));
    }
    let cooked = Cooked::remember();
    let config = Config::builder().auto_add_history(true).bracketed_paste(false).build();
    let mut editor = DefaultEditor::with_config(config).context("the terminal")?;
    // A terminal that cannot be edited on ("dumb") still shows lines as they come.
    let above = editor.create_external_printer().ok();
    let above = above.map(|printer| Box::new(printer) as Box<dyn ExternalPrinter + Send>);
    thread::Builder::new()
        .name("keyboard".to_owned())
        .spawn(move || edit_lines(editor, &sender))
        .context("a thread for the keyboard")?;
    Ok((Screen { above, _cooked: cooked }, receiver))
}

impl Screen {
    /// Prints a line.
    pub(super) fn say(&mut self, text: &str) {
        match &mut self.above {
            // A terminal that is gone has no reader left.
            Some(printer) => drop(printer.print(format!("{text}\n"))),
            None => announce::say(format_args!("{text}")),
        }
    }
}

fn edit_lines(mut editor: DefaultEditor, sender: &mpsc::Sender<Input>) {
    loop {
        let input = match editor.readline(PROMPT) {
            Ok(line) => Input::Line(line),
            Err(ReadlineError::Interrupted) => Input::Interrupted,
            Err(_) => return,
        };
        if sender.blocking_send(input).is_err() {
            return;
        }
    }
}

async fn read_lines(sender: mpsc::Sender<Input>) {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if sender.send(Input::Line(line)).await.is_err() {
            return;
        }
    }
}

/// The terminal as it was, given back at the end: the thread that edits may be in the middle of a line.
struct Cooked(Termios);

impl Cooked {
    fn remember() -> Option<Self> {
        tcgetattr(io::stdin()).ok().map(Self)
    }
}

impl Drop for Cooked {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        let _gone = tcsetattr(io::stdin(), SetArg::TCSADRAIN, &self.0);
    }
}
